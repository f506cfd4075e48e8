import { join } from 'node:path';
import type { QueuePlace } from '#contracts/live-views.js';
import { keys } from '#platform/keys.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';

/** The slots in which starts are counted (`scripts/turn.lua` of the job record). */
const SLOT_MS = 10_000;

/** The place of a newcomer: a normal job of a key that has nothing else waiting (`libs/jobs/src/turn.ts`). */
const NEWCOMER_STEP = 4;

export interface PoolLoadReading {
  /** Attempts that come before a newcomer. */
  ahead: number;
  /** Measured over the last ten to twenty seconds; 0 when nothing started. */
  startsPerSecond: number;
}

/** How much waits in the pools and how fast it is served, as measured. */
export class PoolLoads {
  private readonly script: LuaScript;

  constructor(private readonly redis: RedisClient) {
    this.script = defineLuaScript(redis, join(import.meta.dirname, 'scripts', 'load.lua'), 'tokenhub:load');
  }

  /** How these pools stand, in their order; sent together. */
  async read(pools: readonly string[]): Promise<PoolLoadReading[]> {
    const replies = await Promise.all(
      pools.map((pool) => this.script([keys.poolWaiting(pool), keys.poolOrder(pool)], [NEWCOMER_STEP])),
    );
    return replies.map((reply) => {
      const [ahead, ...starts] = reply as [number, string, string, string];
      return { ahead, startsPerSecond: startsPerSecond(starts) };
    });
  }

  /** Where an attempt stands, by its id in the pool's queue; one round trip. */
  async placeOf(pool: string, attemptId: string): Promise<QueuePlace> {
    const pipeline = this.redis
      .pipeline()
      .zrank(keys.poolWaiting(pool), attemptId)
      .zscore(keys.poolDelayed(pool), attemptId)
      .pttl(keys.poolPause(pool))
      .hmget(keys.poolOrder(pool), 'slot', 'started', 'started_before');
    const [rank, delayed, pauseMs, starts] = valuesOf(await pipeline.exec());
    const now = Date.now();
    // BullMQ keeps the time of a delayed job in the upper bits of its score.
    if (delayed !== null) return { position: null, estimatedStartAt: Math.floor(Number(delayed) / 4096) };
    if (rank === null) return { position: null, estimatedStartAt: null };
    const rate = startsPerSecond(starts as (string | null)[]);
    const servedMs = rate === 0 ? null : (1_000 * (Number(rank) + 1)) / rate;
    return {
      position: Number(rank) + 1,
      estimatedStartAt: servedMs === null ? null : Math.round(now + Math.max(Number(pauseMs), 0) + servedMs),
    };
  }
}

function valuesOf(replies: [error: Error | null, result: unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}

function startsPerSecond([slot, started, startedBefore]: (string | null)[]): number {
  const now = Date.now();
  const age = Math.floor(now / SLOT_MS) - Number(slot ?? 0);
  if (age === 0) {
    const seconds = (SLOT_MS + (now % SLOT_MS)) / 1_000;
    return (Number(started) + Number(startedBefore)) / seconds;
  }
  return age === 1 ? Number(started) / ((SLOT_MS + (now % SLOT_MS)) / 1_000) : 0;
}
