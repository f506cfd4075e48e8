/**
 * The text in at most so many characters (UTF-16 units): its head and its tail, and between them a marker that says how
 * many were left out. Surrogate pairs stay whole. Below the marker's own length only the head is kept.
 */
export function truncateMiddle(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  // The count that the marker tells has at most as many digits as the length of the whole text.
  const kept = maxCharacters - markerOf(text.length).length;
  if (kept < 0) return text.slice(0, wholeBefore(text, Math.max(0, maxCharacters)));
  const head = wholeBefore(text, Math.ceil(kept / 2));
  const tail = wholeAfter(text, text.length - Math.floor(kept / 2));
  return text.slice(0, head) + markerOf(tail - head) + text.slice(tail);
}

/**
 * Texts that have no more characters together than the bound: where they have, each is shortened in its middle to its
 * share by length. Null is no bound.
 */
export function truncateTogether(texts: readonly string[], bound: number | null): string[] {
  const total = texts.reduce((sum, { length }) => sum + length, 0);
  if (bound === null || total <= bound) return [...texts];
  return texts.map((text) => truncateMiddle(text, Math.floor((text.length * bound) / total)));
}

/** On a line of its own and in brackets, so that a reader takes it neither for the author's words nor for a thought. */
function markerOf(count: number): string {
  return `\n[… ${count} characters left out here …]\n`;
}

function wholeBefore(text: string, cut: number): number {
  return partsPair(text, cut) ? cut - 1 : cut;
}

function wholeAfter(text: string, cut: number): number {
  return partsPair(text, cut) ? cut + 1 : cut;
}

function partsPair(text: string, cut: number): boolean {
  const before = text.charCodeAt(cut - 1);
  const after = text.charCodeAt(cut);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff;
}
