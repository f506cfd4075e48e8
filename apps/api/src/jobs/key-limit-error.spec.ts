import { describe, expect, it } from '@jest/globals';
import type { KeyCharge, KeyLevel } from '#contracts/key-limits.js';
import { errorResponse } from '../http/error-response.js';
import { beyondLimit, limitExceeded } from './key-limit-error.js';

const charge = (rule: KeyCharge['rule'], limit: number, cost = 1): KeyCharge => ({
  rule,
  limit,
  windowMs: rule === 'concurrency' ? null : 60_000,
  cost,
});

function refused(of: KeyCharge, waitMs: number) {
  const { cost: _cost, ...rule } = of;
  const levels: KeyLevel[] = [{ ...rule, remaining: 0, fullInMs: 60_000 }];
  return limitExceeded('ci', { charge: of, waitMs }, levels);
}

describe('a refusal', () => {
  it.each([
    [charge('rpm', 600), 'The key ci may make 600 requests a minute (rule rpm); try again in 3 s.'],
    [charge('rpd', 1), 'The key ci may make 1 request a day (rule rpd); try again in 3 s.'],
    [
      charge('tpm', 1_000, 522),
      'The key ci may use 1000 tokens a minute (rule tpm), and this request counts 522 tokens with the answer that is expected; try again in 3 s.',
    ],
    [
      charge('itpm', 1_000, 522),
      'The key ci may use 1000 input tokens a minute (rule itpm), and this request counts 522; try again in 3 s.',
    ],
    [charge('concurrency', 1), 'The key ci may have 1 unfinished job at once (rule concurrency); try again in 3 s.'],
    [charge('concurrency', 2), 'The key ci may have 2 unfinished jobs at once (rule concurrency); try again in 3 s.'],
  ])('says which rule of %j, and when to come back', (of, message) => {
    expect(refused(of, 2_100).message).toBe(message);
  });

  it('has status, header, code and rule in both dialects', () => {
    for (const dialect of ['problem', 'openai'] as const) {
      const { status, headers, body } = errorResponse(refused(charge('rpm', 600), 2_100), { dialect, requestId: 'r' });
      expect(status).toBe(429);
      expect(headers).toMatchObject({
        'retry-after': '3',
        ratelimit: '"rpm";r=0;t=3',
        'x-ratelimit-remaining-requests': '0',
      });
      expect(headers).not.toHaveProperty('x-should-retry');
      expect(dialect === 'problem' ? body : (body as { error: object }).error).toMatchObject({
        code: 'rate_limit_exceeded',
        rule: 'rpm',
        limit: 600,
        retry_after_ms: 2_100,
      });
    }
  });

  it.each([
    [60_000, '60', undefined],
    [60_001, '61', 'false'],
    [43_200_000, '43200', 'false'],
  ])('of %i ms asks clients to come back after %s s, themselves only where they would wait', (waitMs, after, retry) => {
    const { headers } = errorResponse(refused(charge('rpd', 5), waitMs), { dialect: 'openai', requestId: 'r' });
    expect(headers['retry-after']).toBe(after);
    expect(headers['x-should-retry']).toBe(retry);
  });
});

it('a request that can never pass is a 400 that names the rule, and no time', () => {
  const error = beyondLimit('ci', charge('tpm', 500, 700));
  const { status, headers, body } = errorResponse(error, { dialect: 'problem', requestId: 'r' });
  expect({ status, after: headers['retry-after'] }).toEqual({ status: 400, after: undefined });
  expect(body).toMatchObject({ code: 'key_limit_exceeded', rule: 'tpm', limit: 500 });
  expect(error.message).toBe(
    'The key ci may use 500 tokens a minute (rule tpm), and this request counts 700 tokens with the answer that is expected: it can never be accepted.',
  );
});
