import { FlowProducer, Queue, type FlowJob, type JobsOptions } from 'bullmq';
import type { Priority } from '#contracts/job-state.js';
import { assertAttemptPayload, assertGraphPayload, graphId, type AttemptPayload } from '#contracts/queue-payloads.js';
import { GRAPH_QUEUE, KEY_PREFIX, poolQueueName } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { ATTEMPT, attemptOptions } from './attempt-queues.js';

/** Events of the queue that BullMQ keeps for its own subscribers; nothing here reads them. */
const EVENTS_KEPT = 100;

/** The name of every graph's BullMQ job. */
const GRAPH = 'graph';

/** Driving a graph takes milliseconds: somebody's that is waited for need not stand behind thousands of others. */
const GRAPH_PRIORITY: Record<Priority, number> = { high: 1, normal: 2, low: 3 };

/**
 * Driving a graph throws only for what nobody foresaw: it is taken again after 1, 2, 4 … 128 s. What is not over after those four
 * minutes is no passing fault, and is taken for the graph's own.
 */
export const GRAPH_TRIES = 9;
const TRIED_AGAIN: Pick<JobsOptions, 'attempts' | 'backoff'> = {
  attempts: GRAPH_TRIES,
  backoff: { type: 'exponential', delay: 1_000 },
};

/** The states in which BullMQ will still bring a graph to a worker. */
const LIVE_STATES = new Set(['prioritized', 'waiting', 'active', 'delayed', 'waiting-children']);

export interface GraphOptions {
  /** How often it has been enqueued, this time counted: BullMQ must never have seen its id. */
  build: number;
  priority: Priority;
  /** The first attempt of the first step's call, where that has been opened already. */
  first?: { payload: AttemptPayload; pool: string; turn: number };
  /** Milliseconds until the first steps may begin. */
  delayMs?: number;
}

/** The one door through which graphs are enqueued: a flow, in which the graph is the parent of its calls' attempts. */
export class GraphQueue {
  readonly queue: Queue;
  private readonly flows: FlowProducer;

  constructor(redis: RedisClient, onError: (error: unknown) => void) {
    const connection = { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true, skipWaitingForReady: true };
    this.queue = new Queue(GRAPH_QUEUE, { ...connection, streams: { events: { maxLen: EVENTS_KEPT } } });
    this.flows = new FlowProducer(connection);
    this.queue.on('error', onError);
    this.flows.on('error', onError);
  }

  /**
   * Adds a job's graph, and with it the attempt with which it begins, if one does: the graph then sleeps until its attempts have
   * ended. Without one a worker that drives it finds out what is to be done. Adding them again while BullMQ has them changes nothing.
   */
  async enqueue(jobId: string, { build, priority, first, delayMs = 0 }: GraphOptions): Promise<void> {
    const payload: unknown = { jobId };
    assertGraphPayload(payload);
    const options = { jobId: graphId(jobId, build), priority: GRAPH_PRIORITY[priority], ...TRIED_AGAIN };
    if (first === undefined) {
      await this.queue.add(GRAPH, payload, { ...options, ...(delayMs > 0 && { delay: delayMs }) });
    } else {
      const children = [attemptOf(first, delayMs)];
      await this.flows.add({ name: GRAPH, queueName: GRAPH_QUEUE, data: payload, opts: options, children });
    }
  }

  /** `live` while BullMQ will bring this graph to a worker, `failed` when it let go of it, else `lost`. */
  async find(jobId: string, build: number): Promise<'live' | 'failed' | 'lost'> {
    const state = await this.queue.getJobState(graphId(jobId, build));
    if (LIVE_STATES.has(state)) return 'live';
    return state === 'failed' ? 'failed' : 'lost';
  }

  /** Lets go of the queue; the Redis connection is the caller's. */
  async close(): Promise<void> {
    await Promise.all([this.flows.close(), this.queue.close()]);
  }
}

function attemptOf({ payload, pool, turn }: NonNullable<GraphOptions['first']>, delayMs: number): FlowJob {
  assertAttemptPayload(payload);
  return {
    name: ATTEMPT,
    queueName: poolQueueName(pool),
    data: payload,
    opts: { ...attemptOptions(payload, { turn, delayMs }), ignoreDependencyOnFailure: true },
  };
}
