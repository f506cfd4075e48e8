import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import { isErrorCode } from '../http/error-response.js';

/**
 * The error that a job ended with, as an answer to whoever waited for it. The provider's own code and status stay visible
 * where they are the client's to mend; a broken or misconfigured provider is a 502. All attempts are used up by then, so
 * clients are told not to try again by themselves.
 */
export function errorOfJob(jobId: string, error: PublicError): TokenhubError {
  const options = {
    shouldRetry: false,
    param: error.param ?? undefined,
    headers: { 'x-tokenhub-job-id': jobId },
    extensions: { job_id: jobId, provider_code: error.code, provider_status: error.providerStatus },
  };
  switch (error.class) {
    case 'invalid_request':
      return new TokenhubError('invalid_request', error.message, {
        ...options,
        status: clientStatus(error.providerStatus),
      });
    case 'context_overflow':
      return new TokenhubError('context_length_exceeded', error.message, {
        ...options,
        extensions: { ...options.extensions, provider_code: 'context_length_exceeded' },
      });
    case 'content_filtered':
      return new TokenhubError('content_filtered', error.message, options);
    case 'rate_limited':
      return new TokenhubError('provider_rate_limited', error.message, options);
    case 'transient':
    case 'provider_fault':
      return new TokenhubError(workerCode(error.code) ?? 'provider_error', error.message, options);
    case null:
      return new TokenhubError(isErrorCode(error.code) ? error.code : 'internal_error', error.message, options);
  }
}

/**
 * The codes that our workers give to an attempt that failed. Any other is the vendor's, whatever it is called: its
 * `invalid_api_key` is about our key, and must not look like a refusal of the client's.
 */
function workerCode(code: string): ErrorCode | null {
  return code === 'stream_interrupted' || code === 'internal_error' ? code : null;
}

function clientStatus(providerStatus: number | null): number {
  return providerStatus !== null && providerStatus >= 400 && providerStatus < 500 ? providerStatus : 400;
}
