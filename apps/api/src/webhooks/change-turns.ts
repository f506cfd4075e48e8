import { RateLimiterRedis } from 'rate-limiter-flexible';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { countAgainst } from '../auth/count-against.js';

export interface ChangeLimits {
  /** Changes of a project in a window, over all processes. */
  most: number;
  windowS: number;
  /** A change whose turn has not come by then is not made. */
  patienceMs: number;
}

/** Five a second, and room to make or change all of a project's endpoints at once. */
export const CHANGE_LIMITS: ChangeLimits = { most: 50, windowS: 10, patienceMs: 5_000 };

/**
 * Lets a project's keys change its endpoints one after the other, and not too often: each change takes a connection of the pool that
 * administration needs too, holds a lock that all changes of settings wait for, and is published to every process.
 */
export class ChangeTurns {
  private readonly limiter: RateLimiterRedis;
  /** By project, the end of the change that came last; it never rejects. */
  private readonly last = new Map<string, Promise<undefined>>();

  constructor(
    redis: RedisClient,
    private readonly limits: ChangeLimits = CHANGE_LIMITS,
  ) {
    const { most, windowS } = limits;
    const keyPrefix = keys.webhookEndpointsChanged();
    this.limiter = new RateLimiterRedis({ storeClient: redis, keyPrefix, points: most, duration: windowS });
  }

  /** Makes this change when those of the project before it have ended. Throws `rate_limit_exceeded` instead; rejects while Redis is away. */
  async take<T>(project: string, change: () => Promise<T>): Promise<T> {
    await countAgainst(this.limiter, project, tooMany);
    const since = performance.now();
    const before = this.last.get(project);
    const { promise: ended, resolve: end } = Promise.withResolvers<undefined>();
    this.last.set(project, ended);
    try {
      await before;
      // Those before it were slow, and whoever has sent it may have gone.
      if (performance.now() - since > this.limits.patienceMs) throw tooMany(0);
      return await change();
    } finally {
      if (this.last.get(project) === ended) this.last.delete(project);
      end(undefined);
    }
  }
}

function tooMany(waitMs: number): TokenhubError {
  const retryAfterS = Math.max(Math.ceil(waitMs / 1_000), 1);
  const message = `The webhook endpoints of this project are being changed too often: try again in ${retryAfterS} s.`;
  return new TokenhubError('rate_limit_exceeded', message, { retryAfterS });
}
