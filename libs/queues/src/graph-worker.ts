import { DelayedError, WaitingChildrenError, Worker, type Job } from 'bullmq';
import { assertGraphPayload, type GraphPayload, type GraphResult } from '#contracts/queue-payloads.js';
import { GRAPH_QUEUE, KEY_PREFIX } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { GRAPH_TRIES } from './graph-queue.js';
import { Ramp } from './ramp.js';
import { TAKEN_AGAIN } from './worker-options.js';

/** A graph as the queue handed it over. */
export interface TakenGraph {
  /** How often a worker died while it drove this graph. */
  stalls: number;
  /** How often it threw before. */
  faults: number;
  /**
   * Gives the graph back until all attempts that were added with it as parent have ended: throws then, and resolves when there
   * are none (any more).
   */
  waitForChildren: () => Promise<void>;
  /** Gives the graph back for so many milliseconds: always throws. */
  waitFor: (ms: number) => Promise<never>;
}

export interface GraphWorkerOptions {
  redis: RedisClient;
  /** Graphs at once in this process. */
  concurrency: number;
  /** What it throws is a fault: the graph is taken again, later each time. */
  process: (payload: GraphPayload, taken: TakenGraph) => Promise<GraphResult>;
  /** Takes the place of `process` when that has thrown for the last time. */
  giveUp: (payload: GraphPayload, taken: TakenGraph) => Promise<GraphResult>;
  onError: (error: unknown) => void;
}

export interface GraphWorker {
  /** Takes no further graphs; resolves when those under way have ended. */
  close(): Promise<void>;
}

/** Starts taking graphs. A payload that is not a graph's fails inside BullMQ, unrun and unretried. */
export function startGraphWorker(options: GraphWorkerOptions): GraphWorker {
  const ramp = new Ramp(options.concurrency);
  const letGo = (): void => {
    ramp.letGo();
    worker.concurrency = ramp.allowed;
  };
  const worker = new Worker<GraphPayload, GraphResult>(
    GRAPH_QUEUE,
    async (job: Job<GraphPayload, GraphResult>, token?: string) => {
      assertGraphPayload(job.data);
      if (token === undefined) throw new TypeError('BullMQ gave no lock token');
      ramp.begin();
      worker.concurrency = ramp.allowed;
      try {
        return await processOrGiveUp(job.data, takenGraph(job, token), options);
      } catch (error) {
        // Of these BullMQ says nothing when they are done.
        if (isGivenBack(error)) letGo();
        throw error;
      } finally {
        ramp.end();
      }
    },
    {
      connection: options.redis,
      prefix: KEY_PREFIX,
      concurrency: ramp.allowed,
      ...TAKEN_AGAIN,
    },
  );
  worker.on('error', options.onError);
  worker.on('completed', letGo);
  worker.on('failed', (_job, error) => {
    letGo();
    options.onError(error);
  });
  return { close: () => worker.close() };
}

async function processOrGiveUp(
  payload: GraphPayload,
  taken: TakenGraph,
  options: Pick<GraphWorkerOptions, 'process' | 'giveUp' | 'onError'>,
): Promise<GraphResult> {
  try {
    return await options.process(payload, taken);
  } catch (error) {
    if (isGivenBack(error) || taken.faults + 1 < GRAPH_TRIES) throw error;
    options.onError(error);
    return options.giveUp(payload, taken);
  }
}

/** Thrown where the graph was given back: no fault. */
function isGivenBack(error: unknown): boolean {
  return error instanceof DelayedError || error instanceof WaitingChildrenError;
}

function takenGraph(job: Job, token: string): TakenGraph {
  return {
    stalls: job.stalledCounter,
    faults: job.attemptsMade,
    waitForChildren: async () => {
      if (await job.moveToWaitingChildren(token)) throw new WaitingChildrenError();
    },
    waitFor: async (ms) => {
      await job.moveToDelayed(Date.now() + ms, token);
      throw new DelayedError();
    },
  };
}
