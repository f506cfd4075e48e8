import { describe, expect, it } from '@jest/globals';
import { jobTimes, type RequestedTimes } from './job-times.js';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const DAY = 24 * 3_600_000;
const at = (ms: number): string => new Date(ms).toISOString();

describe('times', () => {
  it.each<[string, RequestedTimes, { deadline: number; notBefore: number | null }]>([
    ['none', {}, { deadline: NOW + DAY, notBefore: null }],
    ['nulls', { deadline: null, timeout_ms: null, not_before: null }, { deadline: NOW + DAY, notBefore: null }],
    ['a time-out', { timeout_ms: 1 }, { deadline: NOW + 1, notBefore: null }],
    ['a deadline', { deadline: at(NOW + 1) }, { deadline: NOW + 1, notBefore: null }],
    [
      'a deadline in another zone',
      { deadline: '2030-01-01T02:00:00+01:00' },
      { deadline: NOW + DAY / 24, notBefore: null },
    ],
    ['a day', { deadline: '2030-01-02' }, { deadline: NOW + DAY, notBefore: null }],
    ['a later start', { not_before: at(NOW + 5) }, { deadline: NOW + 5 + DAY, notBefore: NOW + 5 }],
    [
      'a time-out from a later start',
      { not_before: at(NOW + 5), timeout_ms: 7 },
      { deadline: NOW + 12, notBefore: NOW + 5 },
    ],
    [
      'a time-out from a start that has passed',
      { not_before: at(NOW - 5), timeout_ms: 7 },
      { deadline: NOW + 7, notBefore: NOW - 5 },
    ],
    [
      'a deadline after the start',
      { not_before: at(NOW + 5), deadline: at(NOW + 6) },
      { deadline: NOW + 6, notBefore: NOW + 5 },
    ],
  ])('%s', (_name, requested, times) => expect(jobTimes(requested, NOW)).toStrictEqual(times));
});

describe('refusals', () => {
  it.each<[string, RequestedTimes, string, string]>([
    ['both bounds', { timeout_ms: 1, deadline: at(NOW + 1) }, 'invalid_request', 'deadline'],
    ['a deadline in the past', { deadline: at(NOW - 1) }, 'deadline_in_past', 'deadline'],
    ['a deadline at this moment', { deadline: at(NOW) }, 'deadline_in_past', 'deadline'],
    ['a deadline at the start', { not_before: at(NOW + 5), deadline: at(NOW + 5) }, 'invalid_value', 'deadline'],
    ['a deadline before the start', { not_before: at(NOW + 5), deadline: at(NOW + 4) }, 'invalid_value', 'deadline'],
    ['a deadline in weeks', { deadline: '2030-W02-1' }, 'invalid_value', 'deadline'],
    ['a deadline by day of year', { deadline: '2030-123T00:00' }, 'invalid_value', 'deadline'],
    ['a start without minutes', { not_before: '2030-01-01T10' }, 'invalid_value', 'not_before'],
  ])('%s', (_name, requested, code, param) => {
    expect(() => jobTimes(requested, NOW)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});
