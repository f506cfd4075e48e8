import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { LIMIT_UNITS, windowOf, type LimitUnit } from './limit-units.js';
import type { LimitScope } from './tickets.js';

/** How much of one limit is used. */
export interface LimitUse {
  /** Whose limit it is: a provider's, or a model's. */
  scope: string;
  rule: LimitUnit | 'concurrency';
  limit: number;
  /** In the last minute or day, as charged; of concurrency, calls in flight. */
  used: number;
}

/** The slots in which a minute is counted (`scripts/window.lua`), and how many make up a minute. */
const SLOT_MS = 10_000;
const SLOTS_OF_A_MINUTE = 6;

/** Tells how far limits are used, from what tickets have charged. */
export class LimitUsage {
  constructor(private readonly redis: RedisClient) {}

  /** Each limit per minute or day of these scopes; one round trip. */
  async read(scopes: readonly LimitScope[]): Promise<LimitUse[]> {
    const pipeline = this.redis.pipeline();
    for (const { id } of scopes) pipeline.hgetall(keys.paces(id));
    const replies = scopes.length === 0 ? [] : ((await pipeline.exec()) ?? []);
    const now = Date.now();
    return scopes.flatMap(({ id, limits }, i) => {
      const [error, fields] = replies[i] ?? [null, {}];
      if (error) throw error;
      return LIMIT_UNITS.flatMap((rule): LimitUse[] => {
        const limit = limits[rule];
        return limit === undefined ? [] : [{ scope: id, rule, limit, used: usedOf(rule, limit, { fields, now }) }];
      });
    });
  }

  /** Calls in flight at a provider with several pools. */
  async inFlight(provider: string): Promise<number> {
    return this.redis.zcount(keys.leases(provider), Date.now(), '+inf');
  }
}

/** A minute's limit by its slots; a day's by how far ahead of an even pace it is, which is all that is kept of it. */
function usedOf(unit: LimitUnit, limit: number, { fields, now }: { fields: unknown; now: number }): number {
  const stored = fields as Record<string, string>;
  const windowMs = windowOf(unit);
  if (windowMs > SLOT_MS * SLOTS_OF_A_MINUTE) {
    const aheadMs = Math.max(Number(stored[unit] ?? 0) - now, 0);
    return Math.min(Math.round((limit * aheadMs) / windowMs), limit);
  }
  const oldest = Math.floor(now / SLOT_MS) - SLOTS_OF_A_MINUTE + 1;
  const slots = Object.entries(stored).filter(([name]) => name.startsWith(`${unit}@`));
  const sums = slots.map(([, value]) => value.split(' ').map(Number));
  return Math.round(sums.reduce((total, [slot = 0, sum = 0]) => (slot >= oldest ? total + sum : total), 0));
}
