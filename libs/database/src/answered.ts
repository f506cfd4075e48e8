import { TokenhubError } from '#contracts/error-catalogue.js';
import { isDatabaseUnavailable } from './connect-database.js';

/** A server that hangs looks, to an HTTP request, like one that is away. */
const ANSWER_MS = 5_000;
const RETRY_S = 2;

/**
 * What the database answers, or the error `store_unavailable` that tells the client to come back. It ends the waiting alone: what was begun
 * may still be done. Who must know whether it was waits longer.
 */
export async function answered<T>(answer: Promise<T>, waitMs = ANSWER_MS): Promise<T> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => late.reject(storeUnavailable()), waitMs);
  try {
    return await Promise.race([answer, late.promise]);
  } catch (error) {
    // Its tables are not there yet when it was away as the processes started.
    const unmigrated = (error as { code?: unknown }).code === '42P01';
    throw unmigrated || isDatabaseUnavailable(error) ? storeUnavailable(error) : error;
  } finally {
    clearTimeout(timer);
  }
}

/** Tells the client to come back. */
export function storeUnavailable(cause?: unknown): TokenhubError {
  return new TokenhubError('store_unavailable', 'The database does not answer at the moment.', {
    retryAfterS: RETRY_S,
    cause,
  });
}
