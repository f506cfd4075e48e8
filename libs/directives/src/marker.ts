/** What a directive begins with, in any case and whatever follows it. */
export const MARKER = '@@tokenhub';

/** Searches from an index on; each caller needs its own, because a global expression remembers where it is. */
export const markerPattern = (): RegExp => /@@tokenhub/gi;

/** True when a directive begins somewhere in the text. The usual answer, no, costs one native search. */
export function hasMarker(text: string): boolean {
  return text.includes('@@') && /@@tokenhub/i.test(text);
}
