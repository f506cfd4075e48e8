import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { ERROR_CLASSES, type ErrorClass } from '#contracts/attempt.js';
import type { Place } from '#contracts/live-views.js';
import { lastFailures, nextStep, type FailedAttempt, type NextStep } from './failover.js';

const WINDOWS: Record<string, number> = { a: 8_000, b: 8_000, c: 128_000 };
const placeOf = (model: string): Place => ({ model, provider: `provider of ${model}`, pool: `pool of ${model}` });
const candidates = ['a', 'b', 'c'].map(placeOf);
const failed = (change: Partial<FailedAttempt>): FailedAttempt => ({
  errorClass: 'transient',
  retryAfterMs: null,
  candidates,
  index: 0,
  failures: [null, null, null],
  sameCandidateTries: 1,
  billableAttempts: 1,
  maxAttempts: 6,
  onContentFilter: 'fail',
  contextTokensOf: (model) => WINDOWS[model],
  rounds: 0,
  isOpen: () => true,
  opensInMs: () => 0,
  committedToClient: false,
  random: () => 0.5,
  ...change,
});
const closed =
  (...models: string[]): FailedAttempt['isOpen'] =>
  ({ model }) =>
    !models.includes(model);

describe('nextStep', () => {
  it.each<[string, Partial<FailedAttempt>, NextStep]>([
    ['rate_limited goes to the next candidate', { errorClass: 'rate_limited' }, { kind: 'next', index: 1 }],
    [
      'rate_limited everywhere waits for the first',
      { errorClass: 'rate_limited', index: 2, failures: ['rate_limited', 'rate_limited', null] },
      { kind: 'wait', index: 0, delayMs: 1_100 },
    ],
    [
      'rate_limited on the only candidate waits for it',
      { errorClass: 'rate_limited', candidates: [placeOf('a')], failures: [null], retryAfterMs: 4_000 },
      { kind: 'wait', index: 0, delayMs: 4_400 },
    ],
    [
      'rate_limited with the others at fault waits for itself',
      { errorClass: 'rate_limited', index: 2, failures: ['provider_fault', 'transient', null] },
      { kind: 'wait', index: 2, delayMs: 1_100 },
    ],
    [
      'rate_limited with the others closed waits for itself',
      { errorClass: 'rate_limited', isOpen: closed('b', 'c') },
      { kind: 'wait', index: 0, delayMs: 1_100 },
    ],
    [
      'a wait goes to a limited candidate whose pool is open again',
      {
        errorClass: 'rate_limited',
        index: 2,
        failures: ['rate_limited', 'rate_limited', null],
        isOpen: closed('a', 'c'),
      },
      { kind: 'wait', index: 1, delayMs: 1_100 },
    ],
    [
      'after a wait the list is walked again without the faulty ones',
      { errorClass: 'rate_limited', index: 0, failures: ['rate_limited', 'provider_fault', 'rate_limited'] },
      { kind: 'next', index: 2 },
    ],
    ['transient tries the same candidate once more', {}, { kind: 'retry_same', delayMs: 300 }],
    [
      'transient twice goes to the next candidate',
      { sameCandidateTries: 2, billableAttempts: 2 },
      { kind: 'next', index: 1 },
    ],
    [
      'transient on a provider now down goes to an open candidate at once',
      { isOpen: closed('a') },
      { kind: 'next', index: 1 },
    ],
    [
      'transient with every provider down tries the same once more',
      { isOpen: closed('a', 'b', 'c') },
      { kind: 'retry_same', delayMs: 300 },
    ],
    [
      'transient twice on the last candidate fails',
      { index: 2, failures: ['transient', 'transient', 'transient'], sameCandidateTries: 2 },
      { kind: 'fail' },
    ],
    [
      'transient on the last waits for a candidate that was only at its limit',
      { index: 2, failures: ['rate_limited', 'transient', null], sameCandidateTries: 2 },
      { kind: 'wait', index: 0, delayMs: 1_100 },
    ],
    ['provider_fault goes to the next candidate', { errorClass: 'provider_fault' }, { kind: 'next', index: 1 }],
    [
      'provider_fault skips a closed candidate',
      { errorClass: 'provider_fault', isOpen: closed('b') },
      { kind: 'next', index: 2 },
    ],
    [
      'provider_fault comes back to a candidate skipped while closed',
      { errorClass: 'provider_fault', index: 2, failures: ['transient', null, null] },
      { kind: 'next', index: 1 },
    ],
    [
      'provider_fault with only closed ones left goes to the first of them',
      { errorClass: 'provider_fault', isOpen: closed('b', 'c') },
      { kind: 'next', index: 1 },
    ],
    [
      'provider_fault everywhere fails',
      { errorClass: 'provider_fault', index: 2, failures: ['provider_fault', 'provider_fault', null] },
      { kind: 'fail' },
    ],
    ['context_overflow goes to a larger window only', { errorClass: 'context_overflow' }, { kind: 'next', index: 2 }],
    ['context_overflow in the largest window fails', { errorClass: 'context_overflow', index: 2 }, { kind: 'fail' }],
    [
      'context_overflow does not wait for a limited candidate that is as small',
      { errorClass: 'context_overflow', index: 1, failures: ['rate_limited', null, 'transient'] },
      { kind: 'fail' },
    ],
    [
      'context_overflow passes a model that is no longer registered',
      { errorClass: 'context_overflow', contextTokensOf: (model) => (model === 'c' ? undefined : 9) },
      { kind: 'fail' },
    ],
    [
      'provider_fault passes a closed candidate that has left the registry',
      {
        errorClass: 'provider_fault',
        isOpen: closed('b', 'c'),
        contextTokensOf: (model) => (model === 'b' ? undefined : 9),
      },
      { kind: 'next', index: 2 },
    ],
    [
      'provider_fault fails when all candidates have left the registry',
      { errorClass: 'provider_fault', isOpen: closed('a', 'b', 'c'), contextTokensOf: () => undefined },
      { kind: 'fail' },
    ],
    ['content_filtered fails', { errorClass: 'content_filtered' }, { kind: 'fail' }],
    [
      'content_filtered goes on where the policy says so',
      { errorClass: 'content_filtered', onContentFilter: 'next' },
      { kind: 'next', index: 1 },
    ],
    [
      'content_filtered fails on the last candidate',
      {
        errorClass: 'content_filtered',
        onContentFilter: 'next',
        index: 2,
        failures: ['transient', 'content_filtered', null],
      },
      { kind: 'fail' },
    ],
    ['invalid_request fails at once', { errorClass: 'invalid_request' }, { kind: 'fail' }],
  ])('%s', (_name, change, step) => {
    expect(nextStep(failed(change))).toEqual(step);
  });

  it.each([...ERROR_CLASSES])('fails on %s once content was sent, and once the attempts are used up', (errorClass) => {
    const base = { errorClass, onContentFilter: 'next' as const };
    expect(nextStep(failed({ ...base, committedToClient: true }))).toEqual({ kind: 'fail' });
    expect(nextStep(failed({ ...base, billableAttempts: 6 }))).toEqual({ kind: 'fail' });
  });

  it.each<[number | null, number, number]>([
    [null, 0, 1_000],
    [null, 0.999_999, 1_200],
    [0, 0, 250],
    [0, 0.999_999, 300],
    [2_000, 0, 2_000],
    [86_400_000, 0, 30_000],
    [86_400_000, 0.999_999, 30_000],
  ])('bounds and jitters a Retry-After of %p (random %d) to %d ms', (retryAfterMs, random, delayMs) => {
    const only = { candidates: [placeOf('a')], failures: [null] };
    const step = nextStep(failed({ ...only, errorClass: 'rate_limited', retryAfterMs, random: () => random }));
    expect(step).toEqual({ kind: 'wait', index: 0, delayMs });
  });

  it('never waits for less than the pause of the pool that it waits for', () => {
    const only = { candidates: [placeOf('a')], failures: [null], opensInMs: () => 3_000, random: () => 0 };
    const step = nextStep(failed({ ...only, errorClass: 'rate_limited', retryAfterMs: 10 }));
    expect(step).toEqual({ kind: 'wait', index: 0, delayMs: 3_000 });
  });

  it.each([
    [0, 250],
    [1, 2_000],
    [2, 4_000],
    [9, 4_000],
  ])('waits longer the more often it waited in vain: after %d waits %d ms', (rounds, delayMs) => {
    const only = { candidates: [placeOf('a')], failures: [null], retryAfterMs: 1, rounds, random: () => 0 };
    expect(nextStep(failed({ ...only, errorClass: 'rate_limited' }))).toEqual({ kind: 'wait', index: 0, delayMs });
  });

  it('spreads its backoff over 100 to 500 ms', () => {
    expect(nextStep(failed({ random: () => 0 }))).toEqual({ kind: 'retry_same', delayMs: 100 });
    expect(nextStep(failed({ random: () => 0.999_999 }))).toEqual({ kind: 'retry_same', delayMs: 500 });
  });

  it('refuses an index that no candidate has', () => {
    expect(() => nextStep(failed({ index: 3 }))).toThrow(RangeError);
  });
});

describe('a call that is driven by nextStep', () => {
  const anyCall = fc.record({
    errors: fc.infiniteStream(
      fc.constantFrom<ErrorClass>(
        'transient',
        'provider_fault',
        'context_overflow',
        'content_filtered',
        'rate_limited',
      ),
    ),
    maxAttempts: fc.integer({ min: 1, max: 8 }),
    down: fc.subarray(['a', 'b', 'c']),
  });

  it('ends within its attempt budget and never returns to a candidate that failed for anything but its limit', () => {
    fc.assert(
      fc.property(anyCall, ({ errors, maxAttempts, down }) => {
        const failures: (ErrorClass | null)[] = [null, null, null];
        const tries = [0, 0, 0];
        let index = 0;
        let billableAttempts = 0;
        for (const errorClass of errors) {
          if (errorClass !== 'rate_limited') {
            billableAttempts++;
            tries[index] = (tries[index] ?? 0) + 1;
          }
          failures[index] = errorClass;
          const step = nextStep(
            failed({
              errorClass,
              index,
              failures,
              billableAttempts,
              maxAttempts,
              sameCandidateTries: tries[index] ?? 0,
              onContentFilter: 'next',
              isOpen: closed(...down),
            }),
          );
          if (step.kind === 'fail') break;
          if (step.kind === 'retry_same') continue;
          expect([null, 'rate_limited']).toContain(failures[step.index]);
          if (step.kind === 'next') expect(step.index).not.toBe(index);
          index = step.index;
        }
        expect(billableAttempts).toBeLessThanOrEqual(maxAttempts);
        expect(Math.max(...tries)).toBeLessThanOrEqual(2);
      }),
    );
  });
});

describe('lastFailures', () => {
  it("keeps each candidate's last class and leaves the untried open", () => {
    const error = (of: ErrorClass | null) => ({ code: 'x', message: 'x', class: of, providerStatus: null });
    const attempts = [
      { model: 'a', error: error('rate_limited') },
      { model: 'b', error: error('transient') },
      { model: 'a', error: error('transient') },
      { model: 'gone', error: error('transient') },
      { model: 'c', error: null },
    ];
    expect(lastFailures(candidates, attempts)).toEqual(['transient', 'transient', null]);
  });
});
