import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { readRetryAfterMs } from './retry-after.js';

beforeEach(() => {
  jest.useFakeTimers({ now: Date.parse('2026-11-09T12:00:00Z') });
});
afterEach(() => {
  jest.useRealTimers();
});

test.each<[Record<string, string>, number | undefined]>([
  [{}, undefined],
  [{ 'retry-after': '3' }, 3000],
  [{ 'retry-after': '0.5' }, 500],
  [{ 'retry-after': '0' }, 0],
  [{ 'retry-after-ms': '12.3', 'retry-after': '60' }, 13],
  [{ 'retry-after-ms': 'soon', 'retry-after': '2' }, 2000],
  [{ 'retry-after': 'Mon, 09 Nov 2026 12:00:20 GMT' }, 20_000],
  [{ 'retry-after': 'Mon, 09 Nov 2026 11:00:00 GMT' }, 0],
  [{ 'retry-after': '-1' }, undefined],
  [{ 'retry-after': '' }, undefined],
  [{ 'retry-after': 'later' }, undefined],
])('%j → %p ms', (headers, expected) => {
  expect(readRetryAfterMs(headers)).toBe(expected);
});
