/** The opening line of a fenced code block, by CommonMark but for its indentation: models fence inside lists at any depth. */
export interface CodeFence {
  /** Where its line begins. */
  start: number;
  contentStart: number;
  /** The first word after the marker, in lower case; empty when there is none. */
  language: string;
  marker: Marker;
}

export interface FenceEnd {
  contentEnd: number;
  /** Past the closing line, without its newline. */
  end: number;
}

interface Marker {
  sign: string;
  length: number;
  rest: string;
}

/** The first fence that opens at or after `from`, which is taken for the beginning of a line. */
export function nextFence(text: string, from: number): CodeFence | null {
  for (const { start, end } of linesOf(text, from)) {
    const marker = readMarker(text.slice(start, end));
    // A backtick further on makes it a code span: ```like this```.
    if (!marker || (marker.sign === '`' && marker.rest.includes('`'))) continue;
    const language = marker.rest.trim().split(/\s/, 1)[0] ?? '';
    return { start, contentStart: Math.min(end + 1, text.length), language: language.toLowerCase(), marker };
  }
  return null;
}

/** Where a fenced block ends: at the text's end when nothing closes it, as in an answer that was cut off. */
export function endOfFence(text: string, fence: CodeFence): FenceEnd {
  for (const { start, end } of linesOf(text, fence.contentStart)) {
    const marker = readMarker(text.slice(start, end));
    if (marker && closes(marker, fence.marker)) return { contentEnd: Math.max(start - 1, fence.contentStart), end };
  }
  return { contentEnd: text.length, end: text.length };
}

/** Reads a line as a fence; null for any other line. */
export function readMarker(line: string): Marker | null {
  const [, marker, rest] = /^[ \t]*(`{3,}|~{3,})(.*)$/s.exec(line) ?? [];
  return marker === undefined ? null : { sign: marker.charAt(0), length: marker.length, rest: rest ?? '' };
}

export function closes(marker: Marker, opening: Marker): boolean {
  return marker.sign === opening.sign && marker.length >= opening.length && marker.rest.trim() === '';
}

function* linesOf(text: string, from: number): Generator<{ start: number; end: number }> {
  for (let start = from; start < text.length;) {
    const newline = text.indexOf('\n', start);
    const end = newline === -1 ? text.length : newline;
    yield { start, end };
    start = end + 1;
  }
}
