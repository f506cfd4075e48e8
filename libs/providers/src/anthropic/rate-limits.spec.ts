import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { readRateLimits } from './rate-limits.js';

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse('2026-11-22T12:00:00Z') });
});
afterEach(() => {
  jest.useRealTimers();
});

const resetOf = (reset: string, date?: string): unknown =>
  readRateLimits({
    ...(date !== undefined && { date }),
    'anthropic-ratelimit-input-tokens-remaining': '5',
    'anthropic-ratelimit-input-tokens-reset': reset,
  })?.[0]?.resetMs;

test.each<[string, number | null]>([
  ['2026-11-22T12:00:07Z', 7000],
  ['2026-11-22T12:00:07.25Z', 7250],
  ['2026-11-22t12:00:07z', 7000],
  ['2026-11-22T14:00:07+02:00', 7000],
  ['2026-11-22T11:59:00Z', 0],
  ['2026-11-22T12:61:07Z', null],
  ['2026-11-22', null],
  ['Sun, 22 Nov 2026 12:00:07 GMT', null],
  ['7', null],
  ['7s', null],
  ['', null],
])('the reset %j is %p ms away', (reset, expected) => {
  expect(resetOf(reset)).toBe(expected);
});

test('a reset is counted from the server’s clock, and from ours only where it names no time', () => {
  const reset = '2026-11-22T12:00:30Z';
  expect(resetOf(reset, 'Sun, 22 Nov 2026 12:00:20 GMT')).toBe(10_000);
  expect(resetOf(reset, 'Sun, 22 Nov 2026 13:00:00 GMT')).toBe(0);
  for (const garbage of ['', '7', 'soon', 'soon GMT']) expect(resetOf(reset, garbage)).toBe(30_000);
});

test('each bucket stands for itself', () => {
  const headers = {
    'anthropic-ratelimit-requests-remaining': '-4',
    'anthropic-ratelimit-tokens-limit': '100',
    'anthropic-ratelimit-input-tokens-remaining': '40',
    'anthropic-ratelimit-input-tokens-limit': 'plenty',
    'anthropic-ratelimit-output-tokens-remaining': '9',
    'anthropic-ratelimit-output-tokens-limit': '10',
    'anthropic-ratelimit-output-tokens-reset': 'never',
    'x-ratelimit-remaining-requests': '1',
  };
  expect(readRateLimits(headers)).toEqual([
    { unit: 'input_tokens', limit: null, remaining: 40, resetMs: null },
    { unit: 'output_tokens', limit: 10, remaining: 9, resetMs: null },
  ]);
});
