/** Longest text given to the encoder at once. */
export const MAX_SLICE = 2_000;

/**
 * Longest stretch without a change of character class inside one slice. The encoder is quadratic in such a stretch
 * (2,000 ideographs without punctuation took 15 ms, in stretches of 200 they take under 3 ms); ordinary words never
 * come near it.
 */
export const MAX_RUN = 200;

/**
 * The end of the slice of `text` that begins at `start`: at most MAX_SLICE characters, never inside a surrogate pair. A
 * long text is cut before a single space, where o200k_base's own splitting begins a new word, so that prose counts as if whole.
 */
export function nextSlice(text: string, start: number): number {
  if (text.length - start <= MAX_RUN) return text.length;
  const limit = Math.min(start + MAX_SLICE, text.length);
  let lastSpace = start;
  let runStart = start;
  let runClass = -1;
  for (let at = start; at < limit; at++) {
    const characterClass = classOf(text.charCodeAt(at));
    if (characterClass !== runClass) {
      if (runClass === SPACE && at - runStart === 1 && text.charCodeAt(at - 1) === 0x20) lastSpace = at - 1;
      runClass = characterClass;
      runStart = at;
    } else if (at - runStart >= MAX_RUN) {
      return wholeCharacter(text, at);
    }
  }
  if (limit === text.length) return limit;
  return lastSpace > start ? lastSpace : wholeCharacter(text, limit);
}

const WORD = 0;
const SPACE = 1;
const SIGN = 2;

/** Coarse on purpose: everything beyond ASCII is one class, so that no script or emoji makes a long run unseen. */
function classOf(code: number): number {
  if (code >= 0x80) return WORD;
  if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) return SPACE;
  const lower = code | 0x20;
  return (lower >= 0x61 && lower <= 0x7a) || (code >= 0x30 && code <= 0x39) ? WORD : SIGN;
}

/** Moves a cut back by one where it would part a surrogate pair. */
function wholeCharacter(text: string, cut: number): number {
  const before = text.charCodeAt(cut - 1);
  const after = text.charCodeAt(cut);
  return before >= 0xd800 && before <= 0xdbff && after >= 0xdc00 && after <= 0xdfff ? cut - 1 : cut;
}
