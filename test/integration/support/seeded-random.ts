import process from 'node:process';

/** Uniform whole numbers below `limit` from a printed seed (mulberry32), so that a failing schedule can be run again. */
export function seededRandom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** The seed of this run: `TEST_SEED`, else a new one. */
export function testSeed(): number {
  return Number(process.env.TEST_SEED ?? Date.now() % 1_000_000);
}
