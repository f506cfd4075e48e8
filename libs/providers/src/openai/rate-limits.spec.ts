import { expect, test } from '@jest/globals';
import { readRateLimits } from './rate-limits.js';

const resetOf = (reset: string): unknown =>
  readRateLimits({ 'x-ratelimit-remaining-tokens': '5', 'x-ratelimit-reset-tokens': reset })?.[0]?.resetMs;

test.each<[string, number | null]>([
  ['0', 0],
  ['0s', 0],
  ['12ms', 12],
  ['1s', 1000],
  ['8.64s', 8640],
  ['1.001s', 1001],
  ['6m0s', 360_000],
  ['1h2m3.5s', 3_723_500],
  ['24h0m0s', 86_400_000],
  ['850µs', 1],
  ['850us', 1],
  ['3ns', 1],
  [' 2s ', 2000],
  ['2', null],
  ['-1s', null],
  ['1 s', null],
  ['1s later', null],
  ['1d', null],
  ['.s', null],
  ['', null],
  ['2026-11-22T12:00:00Z', null],
  [`${'9'.repeat(400)}h`, null],
])('the reset %j is %p ms', (reset, expected) => {
  expect(resetOf(reset)).toBe(expected);
});

test.each<[string, Record<string, string | string[]>, unknown]>([
  ['nothing', {}, null],
  ['no remaining', { 'x-ratelimit-limit-requests': '60', 'x-ratelimit-reset-requests': '1s' }, null],
  ['a negative remaining', { 'x-ratelimit-remaining-requests': '-1' }, null],
  ['a remaining beyond all integers', { 'x-ratelimit-remaining-requests': '9'.repeat(30) }, null],
  ['a header that came twice', { 'x-ratelimit-remaining-requests': ['1', '2'] }, null],
  [
    'a remaining alone',
    { 'x-ratelimit-remaining-requests': '7' },
    [{ unit: 'requests', limit: null, remaining: 7, resetMs: null }],
  ],
  [
    'garbage beside a good remaining',
    {
      'x-ratelimit-limit-requests': '-60',
      'x-ratelimit-remaining-requests': '7',
      'x-ratelimit-reset-requests': 'soon',
    },
    [{ unit: 'requests', limit: null, remaining: 7, resetMs: null }],
  ],
  [
    'one bad bucket of two',
    { 'x-ratelimit-remaining-requests': 'many', 'x-ratelimit-limit-tokens': '9', 'x-ratelimit-remaining-tokens': '8' },
    [{ unit: 'tokens', limit: 9, remaining: 8, resetMs: null }],
  ],
])('%s is read for what it is worth', (_case, headers, expected) => {
  expect(readRateLimits(headers)).toEqual(expected);
});
