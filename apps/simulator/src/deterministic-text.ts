const WORDS = (
  'lorem ipsum dolor sit amet consectetur adipiscing elit sed do eiusmod tempor incididunt ut labore et dolore magna ' +
  'aliqua enim ad minim veniam quis nostrud exercitation ullamco laboris nisi aliquip ex ea commodo consequat duis aute ' +
  'irure in reprehenderit voluptate velit esse cillum fugiat nulla pariatur excepteur sint occaecat cupidatat non ' +
  'proident sunt culpa qui officia deserunt mollit anim id est laborum at vero'
).split(' ');
const SPACED_WORDS = WORDS.map((word) => ` ${word}`);
const CHARS_PER_TOKEN = 4;
const JSON_PIECE_CHARS = 8;

/** `count` words that depend on the seed alone, each a token; all but the first carry their leading space. */
export function wordPieces(seed: number, count: number): string[] {
  const pieces = new Array<string>(count);
  let state = seed;
  for (let i = 0; i < count; i++) {
    state = nextState(state);
    // The high bits: the low ones of this generator repeat after a few steps.
    pieces[i] = (i === 0 ? WORDS : SPACED_WORDS)[Math.floor((state / 2 ** 32) * WORDS.length)] ?? '';
  }
  return pieces;
}

/** A 32-bit seed (FNV-1a) of a text; `salt` chains seeds, so that a second text or an index changes the outcome. */
export function seedOf(text: string, salt = 0): number {
  let hash = 0x811c9dc5 ^ salt;
  for (let i = 0; i < text.length; i++) {
    hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  }
  return hash >>> 0;
}

/** The next number of the seed's sequence, 0 to 2³² − 1 (a linear congruential generator). */
export function nextState(state: number): number {
  return (Math.imul(state, 1664525) + 1013904223) >>> 0;
}

/** The pieces, one token each, in which a given text is streamed: words with the white space before them. */
export function textPieces(text: string): string[] {
  return text.match(/\s*\S+|\s+$/g) ?? [];
}

/** The pieces, one token each, in which JSON is streamed: few characters each, so that readers see it broken anywhere. */
export function jsonPieces(json: string): string[] {
  const pieces: string[] = [];
  for (let start = 0; start < json.length; start += JSON_PIECE_CHARS) {
    pieces.push(json.slice(start, start + JSON_PIECE_CHARS));
  }
  return pieces;
}

/** Tokens of a prompt: a quarter of its characters, rounded up. */
export function promptTokens(characters: number): number {
  return Math.ceil(characters / CHARS_PER_TOKEN);
}

/** A made-up log probability of a token, between -0.1 and 0, the same for the same token. */
export function logprobOf(piece: string): number {
  return -(1 + (seedOf(piece) % 100)) / 1000;
}
