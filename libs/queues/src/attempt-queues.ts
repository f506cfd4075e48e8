import { ErrorCode, Queue, type Job, type JobsOptions } from 'bullmq';
import { OPEN_RATE } from '#contracts/open-rate.js';
import { assertAttemptPayload, attemptId, type AttemptPayload } from '#contracts/queue-payloads.js';
import { GRAPH_QUEUE, KEY_PREFIX, keys, poolQueueName } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

export interface EnqueueOptions {
  pool: string;
  /** Its place in the pool's order, the lowest first; absent for one whose turn had come before: it goes to the front. */
  turn?: number;
  /** Milliseconds until a worker may take it. */
  delayMs?: number;
}

/** An attempt in a queue that no worker has taken. */
export interface WaitingAttempt {
  /** Null for what is no attempt's: whoever takes it fails it. */
  payload: AttemptPayload | null;
  turn: number;
  /** Until its time has come. */
  delayMs: number;
}

/** Attempts of a pool, by what BullMQ does with them. */
export interface PoolDepth {
  /** For a worker. */
  waiting: number;
  /** With a worker. */
  active: number;
  /** For their time. */
  delayed: number;
}

/** No attempt is served so far before its turn: half of what time is set back by (`rebase.lua`). */
const SET_BACK = 2 ** 19;

/** Events of a queue that BullMQ keeps for its own subscribers; nothing here reads them. */
const EVENTS_KEPT = 100;

/** The name of every attempt's BullMQ job. */
export const ATTEMPT = 'attempt';

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
    const queue = this.queueOf(options.pool);
    const jobOptions = attemptOptions(payload, { ...options, turn: options.turn ?? (await this.front(options.pool)) });
    try {
      await queue.add(ATTEMPT, payload, { ...jobOptions, ...childOf(payload.parent) });
    } catch (error) {
      if (!isParentGone(error)) throw error;
      // Its graph was lost: the call goes on, and the reconciler sees to it that somebody reads its outcome.
      await queue.add(ATTEMPT, payload, jobOptions);
    }
  }

  /** `live` while BullMQ will bring this attempt to a worker, `failed` when running it threw, else `lost`. */
  async find(pool: string, id: string): Promise<'live' | 'failed' | 'lost'> {
    const state = await this.queueOf(pool).getJobState(id);
    if (LIVE_STATES.has(state)) return 'live';
    return state === 'failed' ? 'failed' : 'lost';
  }

  /** The attempts that wait for a worker, the next one first; at most `limit`, from the one at `from`. */
  async waiting(pool: string, limit: number, from = 0): Promise<WaitingAttempt[]> {
    const jobs = await this.queueOf(pool).getJobs(['prioritized', 'waiting'], from, from + limit - 1, true);
    return jobs.map(toWaiting);
  }

  /** The attempts that wait for their time, the first one first; at most `limit`, from the one at `from`. */
  async delayed(pool: string, limit: number, from = 0): Promise<WaitingAttempt[]> {
    const jobs = await this.queueOf(pool).getJobs(['delayed'], from, from + limit - 1, true);
    return jobs.map(toWaiting);
  }

  /** The turn that is served now: who has it comes before all that line up from now on. */
  async front(pool: string): Promise<number> {
    return Math.max(Number(await this.redis.hget(keys.poolOrder(pool), 'virtual_time')), 1);
  }

  /** The turn of an attempt that had this one and was given back: its own again, unless the pool's time was set back meanwhile. */
  async turnAgain(pool: string, turn: number): Promise<number> {
    const front = await this.front(pool);
    return turn > front + SET_BACK ? front : turn;
  }

  /** Drops an attempt that waits and that a newer one has replaced; one that has begun stays, and becomes a no-op. */
  async drop(pool: string, { callId, attempt }: AttemptPayload): Promise<void> {
    await this.queueOf(pool).remove(attemptId(callId, attempt));
  }

  /** Lets a pool be paused, and sets how many of its attempts run at once over all workers; null lifts that limit. */
  async configure(pool: string, { concurrency }: { concurrency: number | null }): Promise<void> {
    const queue = this.queueOf(pool);
    await queue.setGlobalRateLimit(OPEN_RATE.max, OPEN_RATE.durationMs);
    if (concurrency === null) await queue.removeGlobalConcurrency();
    else await queue.setGlobalConcurrency(concurrency);
  }

  /** Holds the queue of a pool back from every worker, or lets it go on; calls under way end. Done twice it changes nothing. */
  async setPaused(pool: string, paused: boolean): Promise<void> {
    const queue = this.queueOf(pool);
    await (paused ? queue.pause() : queue.resume());
  }

  /** Which of these pools' queues are held back; one round trip. */
  async pausedOf(pools: readonly string[]): Promise<Set<string>> {
    if (pools.length === 0) return new Set();
    const pipeline = this.redis.pipeline();
    for (const pool of pools) pipeline.hexists(keys.poolMeta(pool), 'paused');
    const replies = (await pipeline.exec()) ?? [];
    return new Set(
      pools.filter((_, i) => {
        const [error, held] = replies[i] ?? [null, 0];
        if (error) throw error;
        return held === 1;
      }),
    );
  }

  /** How many attempts of a pool are in each state. */
  async depthOf(pool: string): Promise<PoolDepth> {
    const counts = await this.queueOf(pool).getJobCounts('prioritized', 'waiting', 'active', 'delayed');
    const { prioritized = 0, waiting = 0, active = 0, delayed = 0 } = counts;
    return { waiting: prioritized + waiting, active, delayed };
  }

  /** The ids of the attempts that wait for a worker, the next one first; at most `limit`. */
  async waitingIds(pool: string, limit: number): Promise<string[]> {
    return this.redis.zrange(keys.poolWaiting(pool), 0, String(limit - 1));
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

function toWaiting({ data, priority, timestamp, delay }: Job): WaitingAttempt {
  return { payload: payloadOf(data), turn: priority, delayMs: Math.max(timestamp + delay - Date.now(), 0) };
}

function payloadOf(data: unknown): AttemptPayload | null {
  try {
    assertAttemptPayload(data);
    return data;
  } catch {
    return null;
  }
}

/** What BullMQ is told of an attempt, whether it is added alone or with the flow that waits for it. */
export function attemptOptions(
  { callId, attempt }: AttemptPayload,
  { turn, delayMs = 0 }: { turn: number; delayMs?: number },
): JobsOptions {
  return { jobId: attemptId(callId, attempt), priority: turn, ...(delayMs > 0 && { delay: delayMs }) };
}

/** Should BullMQ ever fail the attempt, its graph looks for itself. */
function childOf(id: string | undefined): Pick<JobsOptions, 'parent' | 'ignoreDependencyOnFailure'> {
  return id === undefined
    ? {}
    : { parent: { id, queue: `${KEY_PREFIX}:${GRAPH_QUEUE}` }, ignoreDependencyOnFailure: true };
}

function isParentGone(error: unknown): boolean {
  return error instanceof Error && (error as { code?: unknown }).code === ErrorCode.ParentJobNotExist;
}
