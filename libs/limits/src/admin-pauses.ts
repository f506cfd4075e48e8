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

  /** Those that hold at this moment, by pool; also of pools that have left the registry. An entry that cannot be read holds its own pool alone. */
  async read(): Promise<Map<string, AdminPause>> {
    const stored = await this.redis.hgetall(keys.adminPauses());
    const now = Date.now();
    const pauses = Object.entries(stored).map(([pool, json]) => [pool, parse(json)] as const);
    return new Map(pauses.filter(([, { untilMs }]) => untilMs === null || untilMs > now));
  }
}

function parse(json: string): AdminPause {
  try {
    const pause = JSON.parse(json) as Partial<AdminPause> | null;
    if (pause?.untilMs === null || typeof pause?.untilMs === 'number') return pause as AdminPause;
  } catch {
    // It is what the text says, then.
  }
  return UNREADABLE;
}

/** Held until somebody says what was meant: a pool that goes on by mistake costs money. */
const UNREADABLE: AdminPause = {
  sinceMs: 0,
  untilMs: null,
  reason: 'The entry of this pause cannot be read. Resume the pool, or pause it again.',
  actor: 'unknown',
};

/** When it ends, as Unix milliseconds; Infinity for one that has to be ended, 0 where there is none. */
export function endOf(pause: AdminPause | undefined): number {
  return pause === undefined ? 0 : (pause.untilMs ?? Infinity);
}
