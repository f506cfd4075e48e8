import { RateLimiterRedis } from 'rate-limiter-flexible';
import { keys } from '#platform/keys.js';
import { addressBlock } from '#platform/network/address-block.js';
import type { RedisClient } from '#platform/redis.js';
import { countAgainst } from './count-against.js';

export interface SignInLimits {
  /** Wrong tokens in a window, from one address and from all. */
  perAddress: number;
  overall: number;
  windowS: number;
}

const LIMITS: SignInLimits = { perAddress: 10, overall: 200, windowS: 900 };

/** How long an address from which somebody signed in is told from those of strangers. */
const KNOWN_MS = 30 * 24 * 3_600_000;

const OVERALL = 'all';

/**
 * Slows guessing of the admin token down, for all API processes together. A try is counted before it is judged, so that tries at the
 * same time are no way around it. Strangers who use up the overall limit shut out strangers alone: from an address where somebody
 * has signed in before, only its own limit counts. Rejects while Redis is away.
 */
export class SignInThrottle {
  private readonly perAddress: RateLimiterRedis;
  private readonly overall: RateLimiterRedis;

  constructor(
    private readonly redis: RedisClient,
    limits: SignInLimits = LIMITS,
  ) {
    const options = { storeClient: redis, duration: limits.windowS };
    this.perAddress = new RateLimiterRedis({
      ...options,
      points: limits.perAddress,
      keyPrefix: keys.adminRefusals('address'),
    });
    this.overall = new RateLimiterRedis({
      ...options,
      points: limits.overall,
      keyPrefix: keys.adminRefusals('overall'),
    });
  }

  /** Counts a try from this address; throws 429 with `Retry-After` when there were too many. */
  async count(address: string): Promise<void> {
    const block = addressBlock(address);
    await countAgainst(this.perAddress, block);
    if ((await this.redis.exists(keys.adminAddress(block))) === 0) await countAgainst(this.overall, OVERALL);
  }

  /** The try from this address was no guess: it and those before it are forgotten. */
  async forgive(address: string): Promise<void> {
    const block = addressBlock(address);
    const known = await this.redis.set(keys.adminAddress(block), '1', 'PX', KNOWN_MS, 'GET');
    await this.perAddress.delete(block);
    if (known === null) await this.overall.reward(OVERALL);
  }
}
