import { expect, it } from '@jest/globals';
import { assertAttemptPayload, attemptId } from './queue-payloads.js';

const payload = { jobId: 'job_1', callId: 'job_1-answer', attempt: 1 };

it.each([payload, { ...payload, attempt: 400 }])('%j is an attempt', (value) => {
  expect(() => assertAttemptPayload(value)).not.toThrow();
});

it.each<[unknown, string]>([
  [null, 'not an object'],
  [undefined, 'not an object'],
  ['job_1', 'not an object'],
  [7, 'not an object'],
  [[], 'jobId'],
  [{}, 'jobId'],
  [{ ...payload, jobId: '' }, 'jobId'],
  [{ ...payload, jobId: 5 }, 'jobId'],
  [{ ...payload, callId: undefined }, 'callId'],
  [{ ...payload, callId: '' }, 'callId'],
  [{ ...payload, callId: {} }, 'callId'],
  [{ ...payload, attempt: undefined }, 'attempt number'],
  [{ ...payload, attempt: null }, 'attempt number'],
  [{ ...payload, attempt: 0 }, 'attempt number'],
  [{ ...payload, attempt: -1 }, 'attempt number'],
  [{ ...payload, attempt: 1.5 }, 'attempt number'],
  [{ ...payload, attempt: '1' }, 'attempt number'],
  [{ ...payload, attempt: NaN }, 'attempt number'],
  [{ ...payload, attempt: Infinity }, 'attempt number'],
])('%j is refused for its %s', (value, named) => {
  expect(() => assertAttemptPayload(value)).toThrow(TypeError);
  expect(() => assertAttemptPayload(value)).toThrow(named);
});

it('each attempt of each call has an id of its own, that BullMQ takes', () => {
  const calls = ['job_1-answer', 'job_1-answer.1', 'job_11-answer'];
  const ids = calls.flatMap((call) => [1, 2, 11, 12].map((attempt) => attemptId(call, attempt)));
  expect(new Set(ids).size).toBe(ids.length);
  expect(ids.filter((id) => id.includes(':') || /^\d+$/.test(id))).toStrictEqual([]);
  expect(attemptId('job_1-answer', 2)).toBe('job_1-answer.2');
});
