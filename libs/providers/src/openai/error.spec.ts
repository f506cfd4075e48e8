import { describe, expect, test } from '@jest/globals';
import type { ErrorClass } from '#contracts/attempt.js';
import type { JsonObject } from '#contracts/json.js';
import { errorFromEvent, errorFromResponse } from './error.js';
import { readFixture } from './fixtures/read-fixture.js';

interface ErrorFixture {
  name: string;
  status: number;
  body: unknown;
  errorClass: ErrorClass;
  code: string;
}

const FIXTURES = JSON.parse(readFixture('errors.json')) as ErrorFixture[];

function response(
  { status, body }: { status: number; body: unknown },
  headers: Record<string, string> = {},
): Parameters<typeof errorFromResponse>[0] {
  return { status, headers, body: Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)) };
}

describe('an answer that is no success', () => {
  test.each(FIXTURES.map((fixture) => [fixture.name, fixture] as const))('%s', (_name, fixture) => {
    const error = errorFromResponse(response(fixture), null);
    expect([error.errorClass, error.options.code, error.options.status]).toEqual([
      fixture.errorClass,
      fixture.code,
      fixture.status,
    ]);
    expect(error.message).not.toBe('');
  });

  test("keeps the provider's message, code and param", () => {
    const body = {
      error: {
        message: "Invalid value: 'wizard'.",
        type: 'invalid_request_error',
        param: 'messages[0].role',
        code: 'invalid_value',
      },
    };
    expect(errorFromResponse(response({ status: 400, body }), null).toPublic()).toEqual({
      code: 'invalid_value',
      message: "Invalid value: 'wizard'.",
      class: 'invalid_request',
      providerStatus: 400,
      param: 'messages[0].role',
    });
  });

  test('has no page and no cut JSON in its message', () => {
    for (const body of ['<html>', '{"error":{"mess', '']) {
      expect(errorFromResponse(response({ status: 502, body }), null).message).toBe('The provider answered HTTP 502');
    }
  });

  test('tells how long to stay away where waiting helps, and not where it does not', () => {
    const wait = (status: number, code: string): number | undefined =>
      errorFromResponse(response({ status, body: { error: { message: 'm', code } } }, { 'retry-after': '7' }), null)
        .options.retryAfterMs;
    expect([
      wait(429, 'slow_down'),
      wait(503, 'server_is_overloaded'),
      wait(429, 'insufficient_quota'),
      wait(400, 'x'),
    ]).toEqual([7000, 7000, undefined, undefined]);
  });

  test('shows the credential nowhere', () => {
    const secret = 'plain-Secret.42';
    const body = { error: { message: `key ${secret} and sk-live-123456`, type: secret, param: secret, code: secret } };
    const error = errorFromResponse(response({ status: 401, body }), secret);
    expect(JSON.stringify([error.toPublic(), error.stack, error.options])).not.toMatch(/Secret\.42|sk-live/);
  });
});

describe('an error inside a stream', () => {
  test.each<[string, JsonObject, ErrorClass, string]>([
    [
      'of the server',
      { error: { message: 'The server had an error', type: 'server_error', code: null } },
      'transient',
      'server_error',
    ],
    [
      'of the rate',
      { error: { message: 'Rate limit', type: 'rate_limit_error', code: 'rate_limit_exceeded' } },
      'rate_limited',
      'rate_limit_exceeded',
    ],
    [
      'of the quota',
      { error: { message: 'Quota', type: 'insufficient_quota', code: 'insufficient_quota' } },
      'provider_fault',
      'insufficient_quota',
    ],
    ['of the filter', { error: { message: 'Filtered', code: 'content_filter' } }, 'content_filtered', 'content_filter'],
    [
      'of the context',
      { error: { message: 'Too long', code: 'context_length_exceeded' } },
      'context_overflow',
      'context_length_exceeded',
    ],
    [
      'of the request',
      { error: { message: 'Bad', type: 'invalid_request_error' } },
      'invalid_request',
      'invalid_request_error',
    ],
    [
      'of the key',
      { error: { message: 'Bad', type: 'invalid_request_error', code: 'invalid_api_key' } },
      'provider_fault',
      'invalid_api_key',
    ],
    [
      'of vLLM with a status',
      { error: { message: 'EngineCore died', type: 'InternalServerError', code: 500 } },
      'transient',
      'InternalServerError',
    ],
    [
      'of vLLM, bad request',
      { error: { message: 'Bad', type: 'BadRequestError', code: 400 } },
      'invalid_request',
      'BadRequestError',
    ],
    ['as a text', { error: 'out of memory' }, 'transient', 'server_error'],
    ['without anything', { error: true }, 'transient', 'server_error'],
  ])('%s', (_name, body, errorClass, code) => {
    const error = errorFromEvent(body, null);
    expect([error.errorClass, error.options.code]).toEqual([errorClass, code]);
  });
});
