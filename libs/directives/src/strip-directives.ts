import { hasMarker } from './marker.js';
import { scanDirectives } from './scan-directives.js';

/**
 * A text without its directives; the rest stays byte for byte, and holds no `@@tokenhub` in any case. The same string when
 * there was none.
 */
export function stripDirectives(text: string): string {
  if (!hasMarker(text)) return text;
  return scanDirectives(text)
    .kept.map(({ from, to }) => text.slice(from, to))
    .join('');
}

/**
 * The same for texts that are read as one, such as the adjacent text parts of a message: a directive may begin in one and
 * end in another. Each text keeps what is its own of the remainder.
 */
export function stripAcross(texts: readonly string[]): readonly string[] {
  const whole = texts.join('');
  if (!hasMarker(whole)) return texts;
  const { kept } = scanDirectives(whole);
  let start = 0;
  let next = 0;
  return texts.map((text) => {
    const end = start + text.length;
    let left = '';
    for (; next < kept.length; next++) {
      const { from, to } = kept[next] ?? { from: end, to: end };
      left += whole.slice(Math.max(from, start), Math.min(to, end));
      // What reaches into the next text is looked at again there.
      if (to > end) break;
    }
    start = end;
    return left;
  });
}
