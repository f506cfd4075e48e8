import type { ErrorClass } from '#contracts/attempt.js';
import type { HttpError, HttpErrorKind } from '#http/http-error.js';
import { ProviderError } from './provider-error.js';

/**
 * The ProviderError for a call that brought no answer. `deadline` is a code of its own, so that a job past its deadline
 * is not taken for a provider's failure; a client that is shut down says nothing about the provider either.
 */
export function fromHttpError(error: HttpError): ProviderError {
  const { errorClass, code, blames } = KINDS[error.kind];
  return new ProviderError(errorClass, error.message, { code, blames, cause: error });
}

const KINDS: Record<HttpErrorKind, { errorClass: ErrorClass; code: string; blames?: 'nobody' }> = {
  // A URL or a header that HTTP refuses comes from the provider's configuration, such as a credential with a line break.
  unsendable: { errorClass: 'provider_fault', code: 'unsendable_request' },
  connect_timeout: { errorClass: 'transient', code: 'connect_timeout' },
  connection_refused: { errorClass: 'transient', code: 'connection_refused' },
  connection_failed: { errorClass: 'transient', code: 'connection_failed' },
  // Only a guarded client refuses addresses, and none calls providers.
  address_refused: { errorClass: 'provider_fault', code: 'address_refused' },
  reset: { errorClass: 'transient', code: 'connection_reset' },
  malformed: { errorClass: 'transient', code: 'unreadable_answer' },
  too_large: { errorClass: 'transient', code: 'answer_too_large' },
  first_timeout: { errorClass: 'transient', code: 'first_token_timeout' },
  idle_timeout: { errorClass: 'transient', code: 'idle_timeout' },
  answer_timeout: { errorClass: 'transient', code: 'answer_timeout' },
  deadline: { errorClass: 'transient', code: 'deadline', blames: 'nobody' },
  aborted: { errorClass: 'transient', code: 'aborted', blames: 'nobody' },
  closed: { errorClass: 'transient', code: 'shutting_down', blames: 'nobody' },
};
