import { expect, it } from '@jest/globals';
import { goDuration, retryAfter, wholeSecond } from './limit-times.js';

it.each([
  [0, '0s'],
  [6, '6ms'],
  [999, '999ms'],
  [1000, '1s'],
  [1574, '1.574s'],
  [60_000, '1m0s'],
  [360_000, '6m0s'],
  [90_500, '1m30.5s'],
  [86_400_000, '24h0m0s'],
])('%i ms is %s in Go’s words', (ms, text) => {
  expect(goDuration(ms)).toBe(text);
});

it('a time of day is RFC 3339, never before its time', () => {
  expect(wholeSecond(Date.UTC(2026, 10, 3, 4, 5, 6))).toBe('2026-11-03T04:05:06Z');
  expect(wholeSecond(Date.UTC(2026, 10, 3, 4, 5, 6) + 1)).toBe('2026-11-03T04:05:07Z');
});

it('a retry is asked for in whole seconds, rounded up', () => {
  expect([1, 1000, 1001, null].map(retryAfter)).toEqual([
    { 'retry-after': '1' },
    { 'retry-after': '1' },
    { 'retry-after': '2' },
    {},
  ]);
});
