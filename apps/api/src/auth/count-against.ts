import { RateLimiterRes, type RateLimiterRedis } from 'rate-limiter-flexible';
import { TokenhubError } from '#contracts/error-catalogue.js';

/** Counts one more; throws 429 with `Retry-After` when it is one too many: what `refusal` makes of the time to wait. */
export async function countAgainst(
  limiter: RateLimiterRedis,
  key: string,
  refusal: (waitMs: number) => TokenhubError = tooManyWrong,
): Promise<void> {
  try {
    await limiter.consume(key);
  } catch (refused) {
    if (refused instanceof RateLimiterRes) throw refusal(refused.msBeforeNext);
    throw refused;
  }
}

/** What is answered until the window of the wrong tokens has ended. */
export function tooManyWrong(waitMs: number): TokenhubError {
  const retryAfterS = Math.max(Math.ceil(waitMs / 1_000), 1);
  return new TokenhubError('rate_limit_exceeded', `Too many wrong tokens: try again in ${retryAfterS} seconds.`, {
    retryAfterS,
  });
}
