import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** Longer than any job that was planned for a pool waits. */
const REMEMBERED_MS = 30 * 24 * 3_600_000;

/** Which pools there have been: the queue of one that left the registry may still hold attempts, and nobody serves it. */
export class KnownPools {
  constructor(private readonly redis: RedisClient) {}

  /** Those that were registered and are not, without remembering anything. */
  async goneBut(registered: readonly string[]): Promise<string[]> {
    return without(await this.redis.zrange(keys.pools(), 0, '-1'), registered);
  }

  /** Remembers these pools, which are registered; gives those that were and are not. */
  async gone(registered: readonly string[]): Promise<string[]> {
    const now = Date.now();
    const pipeline = this.redis.pipeline();
    if (registered.length > 0) pipeline.zadd(keys.pools(), ...registered.flatMap((pool) => [now, pool]));
    pipeline.zremrangebyscore(keys.pools(), '-inf', now - REMEMBERED_MS).zrange(keys.pools(), 0, '-1');
    const [error, known] = (await pipeline.exec())?.at(-1) ?? [null, []];
    if (error) throw error;
    return without(known as string[], registered);
  }
}

function without(known: readonly string[], registered: readonly string[]): string[] {
  const current = new Set(registered);
  return known.filter((pool) => !current.has(pool));
}
