import { TokenhubError } from '#contracts/error-catalogue.js';
import { isTerminal, type JobState } from '#contracts/job-state.js';

/** When to try again what was refused because the history is behind. */
const BEHIND_RETRY_S = 5;

/** The error of a job that is not made because too much waits for the recorder. */
export function historyBehind(): TokenhubError {
  return new TokenhubError('store_unavailable', 'The history is behind: too much waits to be recorded.', {
    retryAfterS: BEHIND_RETRY_S,
  });
}

/** The error of a retry of a job that has not come to an end from which one could go on. */
export function notRetryable(state: JobState): TokenhubError {
  const why = isTerminal(state) ? `it is ${state}` : 'it has not finished yet';
  return new TokenhubError('job_not_retryable', `Only failed and expired jobs can be retried; ${why}.`, {
    shouldRetry: false,
  });
}

/** The error of an idempotency key that stands for another body. */
export function conflict(): TokenhubError {
  return new TokenhubError('idempotency_conflict', 'This Idempotency-Key was used with another body.', {
    shouldRetry: false,
  });
}
