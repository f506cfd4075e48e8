import { describe, expect, it } from '@jest/globals';
import { ERROR_CATALOGUE, TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import { codeOfStatus, dialectOf, errorResponse, isErrorCode, openAiError } from './error-response.js';

const CODES = Object.keys(ERROR_CATALOGUE) as ErrorCode[];
const problem = { dialect: 'problem', requestId: 'req_1' } as const;
const openai = { dialect: 'openai', requestId: 'req_1' } as const;

describe('the dialect of a path', () => {
  it.each([
    ['/v1/jobs', 'problem'],
    ['/v1/jobs/', 'problem'],
    ['/v1/jobs/job_1/events', 'problem'],
    ['/V1/Jobs/job_1', 'problem'],
    ['/v1/route/explain', 'problem'],
    ['/v1/webhook-endpoints/e/deliveries', 'problem'],
    ['/admin/queues', 'problem'],
    ['/health', 'problem'],
    ['/', 'problem'],
    ['/v1', 'problem'],
    ['/v1beta/models', 'problem'],
    ['/x/v1/models', 'problem'],
    ['/v1/chat/completions', 'openai'],
    ['/V1/Chat/Completions', 'openai'],
    ['/v1/models/org/jobs', 'openai'],
    ['/v1/nothing', 'openai'],
    ['/v1/jobsomething', 'openai'],
    ['/v1/jobs-of-mine', 'openai'],
    ['/v1/routes', 'openai'],
  ])('%s answers as %s', (path, dialect) => expect(dialectOf(path)).toBe(dialect));
});

describe.each(CODES)('%s', (code) => {
  const { status, title } = ERROR_CATALOGUE[code];

  it('is a problem document', () => {
    const answer = errorResponse(new TokenhubError(code, 'What happened.'), problem);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/problem+json');
    expect(answer.body).toStrictEqual({
      type: 'about:blank',
      title,
      status,
      detail: 'What happened.',
      code,
      request_id: 'req_1',
    });
  });

  it("is an error in OpenAI's shape", () => {
    const answer = errorResponse(new TokenhubError(code), openai);
    expect(answer.status).toBe(status);
    expect(answer.headers['content-type']).toBe('application/json');
    const type = typeOf(code, status);
    expect(answer.body).toStrictEqual({ error: { message: title, type, param: null, code } });
  });

  it('asks for a key exactly when it is a 401', () => {
    expect(errorResponse(new TokenhubError(code), openai).headers['www-authenticate']).toBe(
      status === 401 ? 'Bearer' : undefined,
    );
  });
});

/** Independent of the code under test: what an SDK shows as the type of each status. */
function typeOf(code: ErrorCode, status: number): string {
  if (code === 'insufficient_quota') return 'insufficient_quota';
  return (
    new Map([
      [429, 'rate_limit_error'],
      [500, 'server_error'],
      [502, 'server_error'],
      [503, 'service_unavailable_error'],
      [504, 'server_error'],
    ]).get(status) ?? 'invalid_request_error'
  );
}

describe('headers', () => {
  it.each([problem, openai])('say when and whether to try again ($dialect)', (to) => {
    const { headers } = errorResponse(
      new TokenhubError('store_unavailable', undefined, { retryAfterS: 2, shouldRetry: false }),
      to,
    );
    expect(headers).toMatchObject({ 'retry-after': '2', 'x-should-retry': 'false' });
  });

  it('say nothing about trying again unless the error does', () => {
    const { headers } = errorResponse(new TokenhubError('internal_error'), openai);
    expect(headers).toStrictEqual({ 'content-type': 'application/json' });
  });

  it('of the error itself go along, but do not replace the content type', () => {
    const error = new TokenhubError('job_finished', undefined, {
      shouldRetry: true,
      headers: { 'x-tokenhub-job-id': 'job_1', 'content-type': 'text/html' },
    });
    expect(errorResponse(error, problem).headers).toStrictEqual({
      'x-tokenhub-job-id': 'job_1',
      'x-should-retry': 'true',
      'content-type': 'application/problem+json',
    });
  });

  it("keep the error's own challenge", () => {
    const headers = { 'www-authenticate': 'Basic realm="x"' };
    const answer = errorResponse(new TokenhubError('admin_token_required', undefined, { headers }), problem);
    expect(answer.headers['www-authenticate']).toBe('Basic realm="x"');
  });
});

describe('details', () => {
  const errors = [{ detail: 'a does not exist', pointer: '/a' }];
  const error = new TokenhubError('no_eligible_model', 'None.', {
    param: 'model',
    errors,
    extensions: { excluded: [] },
  });

  it('ride in the problem document', () => {
    expect(errorResponse(error, problem).body).toMatchObject({ param: 'model', errors, excluded: [] });
  });

  it("leave OpenAI's shape as it is", () => {
    expect(openAiError(error)).toStrictEqual({
      message: 'None.',
      type: 'invalid_request_error',
      param: 'model',
      code: 'no_eligible_model',
    });
  });

  it.each([
    ['invalid_request', 'unsupported_country_region_territory', 'unsupported_country_region_territory'],
    ['content_filtered', 'content_policy_violation', 'content_policy_violation'],
    ['provider_error', 'invalid_api_key', 'provider_error'],
    ['provider_rate_limited', 'rate_limit_exceeded', 'provider_rate_limited'],
    ['invalid_request', 42, 'invalid_request'],
  ] as const)("%s with the provider's code %s has the code %s", (code, providerCode, shown) => {
    const failed = new TokenhubError(code, undefined, { extensions: { provider_code: providerCode } });
    expect(openAiError(failed).code).toBe(shown);
    expect(errorResponse(failed, problem).body).toMatchObject({ code: shown, provider_code: providerCode });
  });

  it('a status of its own replaces that of the catalogue', () => {
    const gone = new TokenhubError('invalid_request', undefined, { status: 422 });
    expect(errorResponse(gone, problem)).toMatchObject({ status: 422, body: { status: 422 } });
  });
});

it.each([
  [400, 'invalid_request'],
  [404, 'unknown_url'],
  [405, 'method_not_allowed'],
  [413, 'body_too_large'],
  [415, 'unsupported_media_type'],
  [418, 'invalid_request'],
  [500, 'internal_error'],
  [501, 'internal_error'],
  [503, 'store_unavailable'],
] as const)('the status %i of a framework stands for %s', (status, code) => expect(codeOfStatus(status)).toBe(code));

it.each([
  ['job_expired', true],
  ['server_error', false],
  ['toString', false],
  ['__proto__', false],
  ['', false],
])('%j is a code of the catalogue: %s', (code, known) => expect(isErrorCode(code)).toBe(known));
