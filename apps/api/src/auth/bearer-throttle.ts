import { RateLimiterMemory, RateLimiterRedis } from 'rate-limiter-flexible';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { keys } from '#platform/keys.js';
import { addressBlock } from '#platform/network/address-block.js';
import type { RedisClient } from '#platform/redis.js';
import { countAgainst, tooManyWrong } from './count-against.js';

/** Wrong tokens from one address in a minute: far more than a program that has been forgotten with an old one sends. */
const WRONG_PER_MINUTE = 600;
const WINDOW_S = 60;

/** Addresses that this process remembers as shut out; beyond it the oldest are judged anew. */
const MOST_SHUT = 10_000;

/**
 * Slows guessing with `Authorization: Bearer` down. Redis is asked about wrong tokens alone, so that the right one costs nothing and
 * works while Redis is away; a process that has heard of an address with too many looks at no token from there for the rest of the minute.
 */
export class BearerThrottle {
  private readonly wrong: RateLimiterRedis;
  private readonly shutUntil = new Map<string, number>();

  constructor(redis: RedisClient, perMinute = WRONG_PER_MINUTE) {
    const limit = { points: perMinute, duration: WINDOW_S };
    this.wrong = new RateLimiterRedis({
      ...limit,
      storeClient: redis,
      keyPrefix: keys.adminRefusals('bearer'),
      insuranceLimiter: new RateLimiterMemory(limit),
    });
  }

  /** Throws 429 while tokens from this address are not looked at. */
  assertOpen(address: string): void {
    const block = addressBlock(address);
    const waitMs = (this.shutUntil.get(block) ?? 0) - Date.now();
    if (waitMs > 0) throw tooManyWrong(waitMs);
    this.shutUntil.delete(block);
  }

  /** Counts a wrong token; throws 429 when it is one too many. */
  async count(address: string): Promise<void> {
    const block = addressBlock(address);
    try {
      await countAgainst(this.wrong, block);
    } catch (error) {
      if (error instanceof TokenhubError) this.shut(block, error.options.retryAfterS ?? WINDOW_S);
      throw error;
    }
  }

  private shut(block: string, seconds: number): void {
    const [oldest] = this.shutUntil.keys();
    if (this.shutUntil.size >= MOST_SHUT && oldest !== undefined) this.shutUntil.delete(oldest);
    this.shutUntil.set(block, Date.now() + seconds * 1_000);
  }
}
