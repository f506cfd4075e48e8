import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
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
    extensions: {
      ...{ job_id: jobId, provider_code: error.code, provider_status: error.providerStatus },
      ...(error.details && { details: error.details }),
    },
  };
  // Before the class, which is the last attempt's: whatever broke a stream, its client has half an answer.
  if (error.code === 'stream_interrupted') return new TokenhubError(error.code, error.message, options);
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
      return new TokenhubError(isOurs(error.code) ? error.code : 'provider_error', error.message, options);
    case null:
      return new TokenhubError(isErrorCode(error.code) ? error.code : 'internal_error', error.message, options);
  }
}

/**
 * True for the code that our workers give to an attempt that failed of themselves. Any other is the vendor's, whatever it is
 * called: its `invalid_api_key` is about our key, and must not look like a refusal of the client's.
 */
function isOurs(code: string): code is 'internal_error' {
  return code === 'internal_error';
}

function clientStatus(providerStatus: number | null): number {
  return providerStatus !== null && providerStatus >= 400 && providerStatus < 500 ? providerStatus : 400;
}
