import { Worker, type Job } from 'bullmq';
import { assertAttemptPayload, type AttemptPayload, type AttemptResult } from '#contracts/queue-payloads.js';
import { KEY_PREFIX, poolQueueName } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { Ramp } from './ramp.js';
import { TAKEN_AGAIN } from './worker-options.js';

/** An attempt as the queue handed it over. */
export interface TakenAttempt {
  pool: string;
  /** The place in the pool's order with which it was enqueued. */
  turn: number;
  /** The lock token, which fences this run. */
  run: string;
  /** Aborts when the lock is lost. */
  lockLost: AbortSignal;
}

export interface PoolWorkerOptions {
  pool: string;
  redis: RedisClient;
  /** Attempts at once in this process. */
  concurrency: number;
  process: (payload: AttemptPayload, taken: TakenAttempt) => Promise<AttemptResult>;
  onError: (error: unknown) => void;
}

export interface PoolWorker {
  /**
   * Looks for attempts again. Without it a worker that found its pool paused or full, while calls of its own run on, looks
   * only when one of those ends (bullmq 6.7 waits for them alone), and that may take minutes.
   */
  wake(): void;
  /** Takes no further attempts; resolves when those that run have ended. */
  close(): Promise<void>;
}

/** Why a run must stop writing: another may have taken over. */
export class LockLostError extends Error {
  constructor() {
    super('the lock of this attempt was lost');
    this.name = 'LockLostError';
  }
}

/** Starts taking attempts from a pool. A payload that is not an attempt's fails inside BullMQ, unrun and unretried. */
export function startPoolWorker(options: PoolWorkerOptions): PoolWorker {
  const ramp = new Ramp(options.concurrency);
  const worker = new Worker<AttemptPayload, AttemptResult>(
    poolQueueName(options.pool),
    // BullMQ hands over a signal only to a processor with three parameters.
    async (job: Job<AttemptPayload, AttemptResult>, token?: string, signal?: AbortSignal) => {
      assertAttemptPayload(job.data);
      if (token === undefined || signal === undefined) throw new TypeError('BullMQ gave no lock token');
      ramp.begin();
      worker.concurrency = ramp.allowed;
      try {
        return await options.process(job.data, {
          pool: options.pool,
          turn: job.priority,
          run: token,
          lockLost: signal,
        });
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
  const letGo = (): void => {
    ramp.letGo();
    worker.concurrency = ramp.allowed;
  };
  worker.on('completed', letGo);
  worker.on('failed', (_job, error) => {
    letGo();
    options.onError(error);
  });
  worker.on('lockRenewalFailed', (ids: string[]) => {
    for (const id of ids) worker.cancelJob(id, LOCK_LOST as unknown as string);
  });
  return {
    wake: () => {
      if (ramp.running === 0 || ramp.running >= options.concurrency || worker.isPaused() || !worker.isRunning()) return;
      // Its main loop has no other public bell: resuming rings it, and pausing in this way waits for nothing.
      worker
        .pause(true)
        .then(() => worker.resume())
        .catch(options.onError);
    },
    close: () => worker.close(),
  };
}

// BullMQ types the reason as a string but passes it to `abort` as it is.
const LOCK_LOST = new LockLostError();
