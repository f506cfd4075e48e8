import { join } from 'node:path';
import { keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';

/** A holder that has not been heard of for so long is dead; it is heard of three times as often. */
const LOST_AFTER_MS = 15_000;

/** A place for one call in flight; `release` gives it back, and never throws. */
export interface Lease {
  release: () => Promise<void>;
}

/**
 * Places for calls in flight at a provider whose models have pools of their own: BullMQ counts what runs in each pool, and
 * nobody else what runs in all of them.
 */
export class Leases {
  private readonly script: LuaScript;

  constructor(
    private readonly redis: RedisClient,
    private readonly onError: (error: unknown) => void,
  ) {
    this.script = defineLuaScript(redis, join(import.meta.dirname, 'scripts', 'lease.lua'), 'tokenhub:lease');
  }

  /** A place at this provider until it is released, or null when all `places` are taken. */
  async take(provider: string, places: number, holder: string): Promise<Lease | null> {
    const take = (): Promise<unknown> => this.script([keys.leases(provider)], [holder, places, LOST_AFTER_MS]);
    if ((await take()) !== 1) return null;
    const renewal = setInterval(() => {
      take().catch(this.onError);
    }, LOST_AFTER_MS / 3);
    return {
      release: async () => {
        clearInterval(renewal);
        await this.redis.zrem(keys.leases(provider), holder).catch(this.onError);
      },
    };
  }
}
