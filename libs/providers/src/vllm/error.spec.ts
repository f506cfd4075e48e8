import { describe, expect, test } from '@jest/globals';
import type { ErrorClass } from '#contracts/attempt.js';
import { errorFromEvent, errorFromResponse } from './error.js';
import { readFixture } from './fixtures/read-fixture.js';

interface ErrorFixture {
  name: string;
  status: number;
  body: unknown;
  errorClass: ErrorClass;
  code: string;
}

const FIXTURES = (JSON.parse(readFixture('errors.json')) as ErrorFixture[]).map(
  (fixture) => [fixture.name, fixture] as const,
);

function errorOf({ status, body }: Pick<ErrorFixture, 'status' | 'body'>, headers: Record<string, string> = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return errorFromResponse({ status, headers, body: Buffer.from(text) }, null);
}

describe('an answer that is no success', () => {
  test.each(FIXTURES)('%s: its class, and a code that OpenAI clients know', (_name, fixture) => {
    const error = errorOf(fixture);
    expect([error.errorClass, error.options.code, error.options.status]).toEqual([
      fixture.errorClass,
      fixture.code,
      fixture.status,
    ]);
    expect(error.message).not.toBe('');
  });

  test('keeps the message and the field that it blames', () => {
    const error = {
      message: 'temperature must be non-negative',
      type: 'BadRequestError',
      param: 'temperature',
      code: 400,
    };
    expect(errorOf({ status: 400, body: { error } }).toPublic()).toEqual({
      code: 'invalid_request_error',
      message: 'temperature must be non-negative',
      class: 'invalid_request',
      providerStatus: 400,
      param: 'temperature',
    });
  });

  test.each([429, 503])('%i tells how long to stay away when the server says so', (status) => {
    expect(errorOf({ status, body: '' }, { 'retry-after': '3' }).options.retryAfterMs).toBe(3000);
  });
});

describe('an error inside a stream', () => {
  const told = FIXTURES.filter(([, { body }]) => JSON.stringify(body).includes('"code":'));
  test.each(told)('%s is the same, because its code is the status', (_name, { body, errorClass, code }) => {
    const error = errorFromEvent(body as Record<string, unknown>, null);
    expect([error.errorClass, error.options.code]).toEqual([errorClass, code]);
  });
});
