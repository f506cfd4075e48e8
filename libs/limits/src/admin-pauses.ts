import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** A pause that an administrator made; times are Unix milliseconds. */
export interface AdminPause {
  sinceMs: number;
  /** Null: until it is ended. */
  untilMs: number | null;
  reason: string | null;
  actor: string;
}

/**
 * The pauses that administrators made. They stay until their time or until they are ended, whatever providers say meanwhile, and through
 * restarts of every process. This is the truth; that BullMQ holds the queue back follows it (`AttemptQueues.setPaused`).
 */
export class AdminPauses {
  constructor(private readonly redis: RedisClient) {}

  /** Takes the place of the pause before it. */
  async pause(pool: string, pause: AdminPause): Promise<void> {
    await this.redis.hset(keys.adminPauses(), pool, JSON.stringify(pause));
  }

  /** Ends the pause, if there is one. */
  async resume(pool: string): Promise<void> {
    await this.redis.hdel(keys.adminPauses(), pool);
  }

  /** Those that hold at this moment, by pool; also of pools that have left the registry. */
  async read(): Promise<Map<string, AdminPause>> {
    const stored = await this.redis.hgetall(keys.adminPauses());
    const now = Date.now();
    const pauses = Object.entries(stored).map(([pool, json]) => [pool, JSON.parse(json) as AdminPause] as const);
    return new Map(pauses.filter(([, { untilMs }]) => untilMs === null || untilMs > now));
  }
}

/** When it ends, as Unix milliseconds; Infinity for one that has to be ended, 0 where there is none. */
export function endOf(pause: AdminPause | undefined): number {
  return pause === undefined ? 0 : (pause.untilMs ?? Infinity);
}
