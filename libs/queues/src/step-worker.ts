import { DelayedError, WaitingChildrenError, Worker, type Job } from 'bullmq';
import { assertStepPayload, type StepPayload, type StepResult } from '#contracts/queue-payloads.js';
import { KEY_PREFIX, STEP_QUEUE } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { Ramp } from './ramp.js';
import { STEP_TRIES } from './step-queue.js';
import { TAKEN_AGAIN } from './worker-options.js';

/** A step as the queue handed it over. */
export interface TakenStep {
  /** Its own id: the parent of the attempts that it waits for. */
  id: string;
  /** How often a worker died while it ran this step. */
  stalls: number;
  /** How often it threw before. */
  faults: number;
  /**
   * Gives the step back until all attempts that were added with it as parent have ended: throws then, and resolves when there
   * are none (any more).
   */
  waitForChildren: () => Promise<void>;
  /** Gives the step back for so many milliseconds: always throws. */
  waitFor: (ms: number) => Promise<never>;
}

export interface StepWorkerOptions {
  redis: RedisClient;
  /** Steps at once in this process. */
  concurrency: number;
  /** What it throws is a fault: the step is taken again, later each time. */
  process: (payload: StepPayload, taken: TakenStep) => Promise<StepResult>;
  /** Takes the place of `process` when that has thrown for the last time. */
  giveUp: (payload: StepPayload, taken: TakenStep) => Promise<StepResult>;
  onError: (error: unknown) => void;
}

export interface StepWorker {
  /** Takes no further steps; resolves when those under way have ended. */
  close(): Promise<void>;
}

/** Starts taking the steps of graphs. A payload that is not a step's fails inside BullMQ, unrun and unretried. */
export function startStepWorker(options: StepWorkerOptions): StepWorker {
  const ramp = new Ramp(options.concurrency);
  const letGo = (): void => {
    ramp.letGo();
    worker.concurrency = ramp.allowed;
  };
  const worker = new Worker<StepPayload, StepResult>(
    STEP_QUEUE,
    async (job: Job<StepPayload, StepResult>, token?: string) => {
      assertStepPayload(job.data);
      if (token === undefined || job.id === undefined) throw new TypeError('BullMQ gave no lock token');
      ramp.begin();
      worker.concurrency = ramp.allowed;
      try {
        return await processOrGiveUp(job.data, takenStep(job, job.id, token), options);
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
  payload: StepPayload,
  taken: TakenStep,
  options: Pick<StepWorkerOptions, 'process' | 'giveUp' | 'onError'>,
): Promise<StepResult> {
  try {
    return await options.process(payload, taken);
  } catch (error) {
    if (isGivenBack(error) || taken.faults + 1 < STEP_TRIES) throw error;
    options.onError(error);
    return options.giveUp(payload, taken);
  }
}

/** Thrown where the step was given back: no fault. */
function isGivenBack(error: unknown): boolean {
  return error instanceof DelayedError || error instanceof WaitingChildrenError;
}

function takenStep(job: Job, id: string, token: string): TakenStep {
  return {
    id,
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
