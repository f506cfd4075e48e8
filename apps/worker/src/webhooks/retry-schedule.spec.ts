import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { delayAfter, MOST_TRIES } from './retry-schedule.js';

const MIDDLE = 0.5;
const DAY_MS = 24 * 3_600_000;
const S = 1_000;
const H = 3_600_000;

it('tries at once, then after 5 s, 5 min, 30 min, 2 h, 5 h and 10 h', () => {
  const delays = Array.from({ length: MOST_TRIES - 1 }, (_, i) => delayAfter({ attempt: i + 1 }, MIDDLE));
  expect(delays).toEqual([5 * S, 300 * S, 1_800 * S, 2 * H, 5 * H, 10 * H]);
});

it.each<[number, number]>([
  [0, 4_500],
  [0.25, 4_750],
  [0.999_999, 5_500],
])('jitters by a tenth either way (%d)', (random, expected) => {
  expect(delayAfter({ attempt: 1 }, random)).toBe(expected);
});

describe('what the receiver says', () => {
  it.each<[string, Parameters<typeof delayAfter>[0], number]>([
    ['a wait longer than ours is honoured', { attempt: 1, retryAfterMs: 60 * S }, 60 * S],
    ['a shorter one does not hurry us', { attempt: 2, retryAfterMs: S }, 300 * S],
    ['more than an hour is an hour', { attempt: 1, retryAfterMs: 100 * H }, H],
    ['overloaded is left alone for a minute', { attempt: 1, overloaded: true }, 60 * S],
    ['overloaded, and says for how long', { attempt: 1, overloaded: true, retryAfterMs: 90 * S }, 90 * S],
    ['overloaded later on keeps to the schedule', { attempt: 3, overloaded: true }, 1_800 * S],
  ])('%s', (_case, failed, expected) => expect(delayAfter(failed, MIDDLE)).toBe(expected));
});

it('whatever a receiver asks for, the last try comes within the day for which its job is kept', () => {
  const answer = fc.record({
    retryAfterMs: fc.nat(),
    overloaded: fc.boolean(),
    random: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(answer, { minLength: MOST_TRIES - 1, maxLength: MOST_TRIES - 1 }), (answers) => {
      const waits = answers.map(({ random, ...said }, i) => delayAfter({ attempt: i + 1, ...said }, random));
      // Each try may take 20 s by itself.
      expect(waits.reduce((sum, wait) => sum + wait, 0) + MOST_TRIES * 20 * S).toBeLessThan(DAY_MS);
    }),
  );
});
