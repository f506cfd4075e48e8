import { Queue } from 'bullmq';
import { assertAttemptPayload, attemptId, type AttemptPayload } from '#contracts/queue-payloads.js';
import { KEY_PREFIX, keys, poolQueueName } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

export interface EnqueueOptions {
  pool: string;
  /** Its place in the pool's order, the lowest first; absent for one whose turn had come before: it goes to the front. */
  turn?: number;
  /** Milliseconds until a worker may take it. */
  delayMs?: number;
}

/**
 * Far more than any pool starts. BullMQ looks at a queue's rate limit, by which `PoolPauses` holds a pool back, only where one
 * is set.
 */
const RATE_LIMIT = { max: 1_000_000, durationMs: 1_000 };

/** Events of a queue that BullMQ keeps for its own subscribers; nothing here reads them. */
const EVENTS_KEPT = 100;

/** The states in which BullMQ will still bring an attempt to a worker. */
const LIVE_STATES = new Set(['prioritized', 'waiting', 'active', 'delayed', 'waiting-children']);

/** The one door through which attempts are enqueued: it decides queue, id, priority and delay. */
export class AttemptQueues {
  private readonly queues = new Map<string, Queue>();

  constructor(
    private readonly redis: RedisClient,
    private readonly onError: (error: unknown) => void,
  ) {}

  /**
   * Adds an attempt to its pool. Adding the same attempt again while BullMQ has it changes nothing. Throws a TypeError
   * for a payload that is not an attempt's, and rejects when Redis is away.
   */
  async enqueue(payload: AttemptPayload, options: EnqueueOptions): Promise<void> {
    assertAttemptPayload(payload);
    await this.queueOf(options.pool).add('attempt', payload, {
      jobId: attemptId(payload.callId, payload.attempt),
      priority: options.turn ?? (await this.front(options.pool)),
      ...(options.delayMs !== undefined && options.delayMs > 0 && { delay: options.delayMs }),
    });
  }

  /** `live` while BullMQ will bring this attempt to a worker, `failed` when running it threw, else `lost`. */
  async find(pool: string, id: string): Promise<'live' | 'failed' | 'lost'> {
    const state = await this.queueOf(pool).getJobState(id);
    if (LIVE_STATES.has(state)) return 'live';
    return state === 'failed' ? 'failed' : 'lost';
  }

  /** The attempts that wait for a worker, the next one first; at most `limit`. */
  async waiting(pool: string, limit: number): Promise<{ payload: AttemptPayload; turn: number }[]> {
    const jobs = await this.queueOf(pool).getJobs(['prioritized', 'waiting'], 0, limit - 1, true);
    return jobs.map(({ data, priority }) => ({ payload: data as AttemptPayload, turn: priority }));
  }

  /** The turn that is served now: who has it comes before all that line up from now on. */
  async front(pool: string): Promise<number> {
    return Math.max(Number(await this.redis.hget(keys.poolOrder(pool), 'virtual_time')), 1);
  }

  /** Drops an attempt that waits and that a newer one has replaced; one that has begun stays, and becomes a no-op. */
  async drop(pool: string, { callId, attempt }: AttemptPayload): Promise<void> {
    await this.queueOf(pool).remove(attemptId(callId, attempt));
  }

  /** Lets a pool be paused, and sets how many of its attempts run at once over all workers; null lifts that limit. */
  async configure(pool: string, { concurrency }: { concurrency: number | null }): Promise<void> {
    const queue = this.queueOf(pool);
    await queue.setGlobalRateLimit(RATE_LIMIT.max, RATE_LIMIT.durationMs);
    if (concurrency === null) await queue.removeGlobalConcurrency();
    else await queue.setGlobalConcurrency(concurrency);
  }

  /** BullMQ's queue of a pool, for the Bull Board. */
  queueOf(pool: string): Queue {
    const known = this.queues.get(pool);
    if (known) return known;
    const queue = new Queue(poolQueueName(pool), {
      connection: this.redis,
      prefix: KEY_PREFIX,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      streams: { events: { maxLen: EVENTS_KEPT } },
    });
    queue.on('error', this.onError);
    this.queues.set(pool, queue);
    return queue;
  }

  /** Lets go of the queues; the Redis connection is the caller's. */
  async close(): Promise<void> {
    await Promise.all([...this.queues.values()].map((queue) => queue.close()));
  }
}
