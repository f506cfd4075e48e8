import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import { HttpError } from '#http/http-error.js';
import type { HttpHead } from '#http/http-request.js';
import { fromHttpError } from './network-error.js';
import type { BodyAnswer, ProviderAnswer } from './provider-adapter.js';
import { ProviderError } from './provider-error.js';

/**
 * Runs one exchange with a provider. Whether it brings an answer, an error or half a stream, the outcome carries what the
 * response's head said of rate limits. What fails is a ProviderError, the signal's reason when aborted, or what the call's own code threw.
 */
export async function watchHead(
  { signal, readRateLimits }: Watch,
  exchange: (onHead: (head: HttpHead) => void) => Promise<BodyAnswer>,
): Promise<ProviderAnswer> {
  let rateLimits: RateLimitReading | null = null;
  try {
    const answer = await exchange(({ headers }) => {
      rateLimits = readRateLimits(headers);
    });
    return { ...answer, rateLimits };
  } catch (error) {
    signal.throwIfAborted();
    const failure = error instanceof HttpError ? fromHttpError(error) : error;
    if (failure instanceof ProviderError) failure.rateLimits = rateLimits;
    throw failure;
  }
}

interface Watch {
  signal: AbortSignal;
  readRateLimits: (headers: IncomingHttpHeaders) => RateLimitReading | null;
}
