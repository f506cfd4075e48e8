import { describe, expect, it } from '@jest/globals';
import type { ErrorClass, PublicError } from '#contracts/attempt.js';
import { errorResponse } from '../http/error-response.js';
import { errorOfJob } from './job-error.js';

const failure = (change: Partial<PublicError>): PublicError => ({
  code: 'vendor_code',
  message: 'What the provider said.',
  class: null,
  providerStatus: null,
  ...change,
});

/** Class, the provider's code and status; then the catalogue's code, our status, and the code that the client reads. */
type Row = [ErrorClass | null, string, number | null, string, number, string];

describe('an error by its class', () => {
  it.each<Row>([
    ['invalid_request', 'invalid_value', 400, 'invalid_request', 400, 'invalid_value'],
    ['invalid_request', 'vendor_code', 404, 'invalid_request', 404, 'vendor_code'],
    ['invalid_request', 'vendor_code', 422, 'invalid_request', 422, 'vendor_code'],
    ['invalid_request', 'vendor_code', 500, 'invalid_request', 400, 'vendor_code'],
    ['invalid_request', 'vendor_code', null, 'invalid_request', 400, 'vendor_code'],
    ['context_overflow', 'BadRequestError', 400, 'context_length_exceeded', 400, 'context_length_exceeded'],
    ['content_filtered', 'content_policy_violation', 400, 'content_filtered', 400, 'content_policy_violation'],
    ['rate_limited', 'rate_limit_exceeded', 429, 'provider_rate_limited', 503, 'provider_rate_limited'],
    ['transient', 'server_error', 500, 'provider_error', 502, 'provider_error'],
    ['transient', 'timeout', null, 'provider_error', 502, 'provider_error'],
    ['transient', 'stream_interrupted', null, 'stream_interrupted', 502, 'stream_interrupted'],
    ['transient', 'internal_error', null, 'internal_error', 500, 'internal_error'],
    ['provider_fault', 'invalid_api_key', 401, 'provider_error', 502, 'provider_error'],
    ['provider_fault', 'insufficient_quota', 429, 'provider_error', 502, 'provider_error'],
    ['provider_fault', 'model_not_found', 404, 'provider_error', 502, 'provider_error'],
    [null, 'job_cancelled', null, 'job_cancelled', 409, 'job_cancelled'],
    [null, 'job_expired', null, 'job_expired', 504, 'job_expired'],
    [null, 'worker_crash', null, 'worker_crash', 502, 'worker_crash'],
    [null, 'stream_interrupted', null, 'stream_interrupted', 502, 'stream_interrupted'],
    ['rate_limited', 'stream_interrupted', 429, 'stream_interrupted', 502, 'stream_interrupted'],
    ['content_filtered', 'stream_interrupted', null, 'stream_interrupted', 502, 'stream_interrupted'],
    ['invalid_request', 'stream_interrupted', 400, 'stream_interrupted', 502, 'stream_interrupted'],
    ['context_overflow', 'stream_interrupted', 400, 'stream_interrupted', 502, 'stream_interrupted'],
    [null, 'no code of ours', null, 'internal_error', 500, 'internal_error'],
    [null, 'toString', null, 'internal_error', 500, 'internal_error'],
  ])('%s %s %s', (...row) => {
    const [errorClass, code, providerStatus, ours, status, shown] = row;
    const error = errorOfJob('job_1', failure({ class: errorClass, code, providerStatus }));
    expect(error).toMatchObject({ code: ours, status, message: 'What the provider said.' });
    const answer = errorResponse(error, { dialect: 'openai', requestId: '' });
    expect(answer.body).toMatchObject({ error: { code: shown } });
    expect(answer.headers).toMatchObject({ 'x-should-retry': 'false', 'x-tokenhub-job-id': 'job_1' });
    expect(answer.headers['www-authenticate']).toBeUndefined();
  });
});

it('the job and what the provider said can be read in the problem document', () => {
  const error = errorOfJob('job_1', failure({ class: 'transient', code: 'server_error', providerStatus: 500 }));
  expect(errorResponse(error, { dialect: 'problem', requestId: '' }).body).toMatchObject({
    job_id: 'job_1',
    provider_code: 'server_error',
    provider_status: 500,
  });
});

it.each([
  ['temperature', 'temperature'],
  [null, null],
  [undefined, null],
])('the field %s that the provider named is %s', (param, shown) => {
  const error = errorOfJob('job_1', failure({ class: 'invalid_request', param }));
  expect(errorResponse(error, { dialect: 'openai', requestId: '' }).body).toMatchObject({ error: { param: shown } });
});
