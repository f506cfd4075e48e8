import { FlowProducer, Queue, type FlowJob, type JobsOptions } from 'bullmq';
import type { Priority } from '#contracts/job-state.js';
import type { StepNode } from '#contracts/orchestration.js';
import {
  assertAttemptPayload,
  assertStepPayload,
  stepId,
  type AttemptPayload,
  type StepPayload,
} from '#contracts/queue-payloads.js';
import { KEY_PREFIX, poolQueueName, STEP_QUEUE } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { ATTEMPT, attemptOptions } from './attempt-queues.js';

/** Events of the queue that BullMQ keeps for its own subscribers; nothing here reads them. */
const EVENTS_KEPT = 100;

/** A step takes milliseconds: somebody's that is waited for need not stand behind thousands of others. */
const STEP_PRIORITY: Record<Priority, number> = { high: 1, normal: 2, low: 3 };

/**
 * A step throws only for what nobody foresaw: it is taken again after 1, 2, 4 … 128 s. What is not over after those four minutes
 * is no passing fault, and is taken for the step's own.
 */
export const STEP_TRIES = 9;
const TRIED_AGAIN: Pick<JobsOptions, 'attempts' | 'backoff'> = {
  attempts: STEP_TRIES,
  backoff: { type: 'exponential', delay: 1_000 },
};

/** The states in which BullMQ will still bring a step to a worker. */
const LIVE_STATES = new Set(['prioritized', 'waiting', 'active', 'delayed', 'waiting-children']);

export interface FlowOptions {
  priority: Priority;
  /** The attempt of the first step's call, where that has been opened already. */
  first?: { payload: AttemptPayload; pool: string; turn: number };
  /** Milliseconds until the first steps may begin. */
  delayMs?: number;
}

/** The one door through which the steps of a graph are enqueued: a flow, in which each step is the parent of those it needs. */
export class StepQueue {
  readonly queue: Queue;
  private readonly flows: FlowProducer;

  constructor(redis: RedisClient, onError: (error: unknown) => void) {
    const connection = { connection: redis, prefix: KEY_PREFIX, skipVersionCheck: true, skipWaitingForReady: true };
    this.queue = new Queue(STEP_QUEUE, { ...connection, streams: { events: { maxLen: EVENTS_KEPT } } });
    this.flows = new FlowProducer(connection);
    this.queue.on('error', onError);
    this.flows.on('error', onError);
  }

  /** Adds all unfinished steps of a job at once. Adding them again while BullMQ has them changes nothing. */
  async enqueue(jobId: string, nodes: readonly StepNode[], options: FlowOptions): Promise<void> {
    const root = nodes.at(-1);
    if (root === undefined) throw new RangeError('a graph without steps cannot be enqueued');
    await this.flows.add(flowOf(jobId, root, { nodes, ...options }));
  }

  /** Adds one step alone, in place of a graph that BullMQ has lost: a worker that drives it finds out what is left to do. */
  async enqueueAgain(payload: StepPayload, build: number, priority: Priority): Promise<void> {
    assertStepPayload(payload);
    const jobId = stepId(payload, build);
    await this.queue.add(payload.step, payload, { jobId, priority: STEP_PRIORITY[priority], ...TRIED_AGAIN });
  }

  /**
   * Adds a step that BullMQ has lost in its old place: the step after it still waits for this very id. Rejects when that one is
   * lost, too.
   */
  async restore(payload: StepPayload, parent: StepPayload, priority: Priority): Promise<void> {
    assertStepPayload(payload);
    await this.queue.add(payload.step, payload, {
      jobId: stepId(payload, 1),
      parent: { id: stepId(parent, 1), queue: `${KEY_PREFIX}:${STEP_QUEUE}` },
      ...optionsOf(priority),
    });
  }

  /** `live` while BullMQ will bring this step to a worker, `failed` when it let go of it, else `lost`. */
  async find(payload: StepPayload, build: number): Promise<'live' | 'failed' | 'lost'> {
    const state = await this.queue.getJobState(stepId(payload, build));
    if (LIVE_STATES.has(state)) return 'live';
    return state === 'failed' ? 'failed' : 'lost';
  }

  /** Lets go of the queue; the Redis connection is the caller's. */
  async close(): Promise<void> {
    await Promise.all([this.flows.close(), this.queue.close()]);
  }
}

/** Should BullMQ ever fail a step, the one after it does its work. */
function optionsOf(priority: Priority): JobsOptions {
  return { priority: STEP_PRIORITY[priority], ignoreDependencyOnFailure: true, ...TRIED_AGAIN };
}

/** Graphs are chains, or one step that needs several: no step is needed twice, as a flow is a tree. */
function flowOf(jobId: string, node: StepNode, graph: FlowOptions & { nodes: readonly StepNode[] }): FlowJob {
  const payload: StepPayload = { jobId, step: node.id };
  assertStepPayload(payload);
  const steps = graph.nodes.filter(({ id }) => node.needs.includes(id)).map((child) => flowOf(jobId, child, graph));
  const children = graph.first?.payload.parent === stepId(payload, 1) ? [attemptOf(graph.first, graph)] : steps;
  const delayed = children.length === 0 && graph.delayMs !== undefined && graph.delayMs > 0;
  return {
    name: node.id,
    queueName: STEP_QUEUE,
    data: payload,
    opts: {
      jobId: stepId(payload, 1),
      ...optionsOf(graph.priority),
      ...(delayed && { delay: graph.delayMs }),
    },
    ...(children.length > 0 && { children }),
  };
}

function attemptOf({ payload, pool, turn }: NonNullable<FlowOptions['first']>, { delayMs }: FlowOptions): FlowJob {
  assertAttemptPayload(payload);
  return {
    name: ATTEMPT,
    queueName: poolQueueName(pool),
    data: payload,
    opts: { ...attemptOptions(payload, { turn, delayMs }), ignoreDependencyOnFailure: true },
  };
}
