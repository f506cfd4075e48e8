import { afterEach, expect, it, jest } from '@jest/globals';
import { earliestJobId } from '#jobs/earliest-job-id.js';
import { timeOfJobId, isJobId, newJobId } from './job-id.js';

afterEach(() => {
  jest.useRealTimers();
});

it('100,000 ids are all of their form and all different', () => {
  const ids = Array.from({ length: 100_000 }, newJobId);
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => !isJobId(id) || id.includes(':'))).toStrictEqual([]);
});

it('ids of later milliseconds sort after those of earlier ones, and say when they were made', () => {
  jest.useFakeTimers({ now: 0xfffffffff0 });
  const ids = Array.from({ length: 500 }, () => {
    jest.advanceTimersByTime(1);
    const id = newJobId();
    expect(timeOfJobId(id)).toBe(Date.now());
    return id;
  });
  expect(ids.toSorted()).toStrictEqual(ids);
});

it('ids of a moment sort after the earliest one of that moment, and before that of the next', () => {
  for (const ms of [0, 1, 0xfff, 0x10000000000, 1_900_000_000_000]) {
    const ids = [newJobId(ms), newJobId(ms)];
    expect(ids.every((id) => id > earliestJobId(ms) && id < earliestJobId(ms + 1))).toBe(true);
  }
  expect(earliestJobId(-1)).toBe(earliestJobId(0));
});

it('ids of one millisecond share no more than its time', () => {
  jest.useFakeTimers({ now: 1_900_000_000_000 });
  const tails = Array.from({ length: 2_000 }, () => newJobId().slice(-19));
  // The last 19 digits hold the variant and 74 of the random bits: each digit but the variant's takes every value.
  for (let place = 1; place < 19; place++) {
    expect(new Set(tails.map((tail) => tail[place])).size).toBe(place === 3 ? 4 : 16);
  }
});

it.each([
  ['job_018cc251f4007abc8def0123456789ab', true],
  ['job_018CC251F4007ABC8DEF0123456789AB', false],
  ['job_018cc251f4007abc8def0123456789a', false],
  ['job_018cc251f4007abc8def0123456789abc', false],
  ['job_018cc251-f400-7abc-8def-0123456789ab', false],
  ['018cc251f4007abc8def0123456789ab', false],
  ['job_018cc251f4007abc8def0123456789ab\n', false],
  ['job_018cc251f4007abc8def0123456789a*', false],
  ['', false],
])('%j is an id: %s', (text, valid) => expect(isJobId(text)).toBe(valid));
