import { join } from 'node:path';
import { keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';

/** Bounds of a pause, and what counts where the provider named no time. */
export const PAUSE_MS = { least: 250, most: 30_000, usual: 1_000 };

export interface PauseReading {
  /** Unix milliseconds of this process's clock; 0 when the pool is open. */
  pausedUntil: number;
  /** Refusals in a row. */
  strikes: number;
}

/**
 * The one place that pauses pools after refusals, for all workers at once. BullMQ itself holds them back, by the counter of its rate limit,
 * which it only looks at where a queue has one: `AttemptQueues` sees to that.
 */
export class PoolPauses {
  private readonly script: LuaScript;
  private readonly reopenScript: LuaScript;

  constructor(private readonly redis: RedisClient) {
    this.script = defineLuaScript(redis, join(import.meta.dirname, 'scripts', 'pause.lua'), 'tokenhub:pause');
    this.reopenScript = defineLuaScript(redis, join(import.meta.dirname, 'scripts', 'reopen.lua'), 'tokenhub:reopen');
  }

  /**
   * Pauses a pool whose provider answered "too many requests": for the time that it named, between a quarter of a second
   * and thirty, and longer with each refusal in a row. `ageMs` is how long ago the refused request was sent.
   */
  async pause(
    pool: string,
    { retryAfterMs, ageMs }: { retryAfterMs: number | null; ageMs: number },
  ): Promise<PauseReading> {
    const { least, most, usual } = PAUSE_MS;
    const wanted = Math.round(Math.min(Math.max(retryAfterMs ?? usual, least), most));
    const [left, strikes] = (await this.script(
      [keys.poolGate(pool), keys.poolStrikes(pool), keys.poolPause(pool)],
      [wanted, least, most, Math.round(ageMs)],
    )) as [number, number];
    return { pausedUntil: Date.now() + left, strikes };
  }

  /** A pool's provider serves again: the next refusal is the first. An open pause is left to end by itself. */
  async relax(pool: string): Promise<void> {
    await this.redis.del(keys.poolStrikes(pool));
  }

  /** A pool's limits have changed: what the old ones held back asks again. A pause that its provider asked for stays. */
  async reopen(pool: string): Promise<void> {
    await this.reopenScript([keys.poolGate(pool), keys.poolPause(pool)], []);
  }

  /** How these pools stand, in their order; one round trip. */
  async read(pools: readonly string[]): Promise<PauseReading[]> {
    if (pools.length === 0) return [];
    const pipeline = this.redis.pipeline();
    for (const pool of pools) pipeline.pttl(keys.poolPause(pool)).hget(keys.poolStrikes(pool), 'count');
    const replies = (await pipeline.exec()) ?? [];
    const valueOf = (at: number): unknown => {
      const [error, value] = replies[at] ?? [null, null];
      if (error) throw error;
      return value;
    };
    return pools.map((_, i) => {
      const left = Math.max(Number(valueOf(2 * i)), 0);
      return { pausedUntil: left === 0 ? 0 : Date.now() + left, strikes: Number(valueOf(2 * i + 1) ?? 0) };
    });
  }
}
