import { expect, test } from '@jest/globals';
import { errorFromEvent, errorFromResponse } from './error.js';

const answer = (
  status: number,
  error: object,
  headers: Record<string, string> = {},
): Parameters<typeof errorFromResponse>[0] => ({
  status,
  headers,
  body: Buffer.from(JSON.stringify({ type: 'error', error, request_id: 'req_1' })),
});

test('a rate limit says how long to stay away; a spent month is none, whatever its status and type say', () => {
  const error = {
    type: 'rate_limit_error',
    message: 'Number of request tokens has exceeded your per-minute rate limit',
  };
  const limited = errorFromResponse(answer(429, error, { 'retry-after': '7' }), null);
  expect([limited.errorClass, limited.options.retryAfterMs]).toEqual(['rate_limited', 7000]);
  const spent = errorFromResponse(
    answer(
      429,
      { ...error, message: 'x', details: { error_code: 'enforced_spend_limit_reached' } },
      { 'retry-after': '7' },
    ),
    null,
  );
  expect([spent.errorClass, spent.options.code, spent.options.retryAfterMs]).toEqual([
    'provider_fault',
    'enforced_spend_limit_reached',
    undefined,
  ]);
});

test('the same in a stream', () => {
  const details = { error_code: 'enforced_spend_limit_reached' };
  const body = { type: 'error', error: { type: 'rate_limit_error', message: 'x', details } };
  expect(errorFromEvent(body, null).errorClass).toBe('provider_fault');
});

test('the credential is shown nowhere', () => {
  const error = { type: 'plain-Secret.42', message: 'invalid x-api-key: plain-Secret.42, sk-ant-api03-abcdef' };
  const failure = errorFromResponse(answer(401, error), 'plain-Secret.42');
  expect(JSON.stringify([failure.toPublic(), failure.stack, failure.options])).not.toMatch(/Secret\.42|sk-ant/);
});
