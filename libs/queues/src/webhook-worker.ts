import { UnrecoverableError, Worker, type Job } from 'bullmq';
import { assertDeliveryPayload, type DeliveryPayload } from '#contracts/queue-payloads.js';
import { KEY_PREFIX, WEBHOOK_QUEUE } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { TAKEN_AGAIN } from './worker-options.js';

/** How long a shutdown waits for receivers before deliveries are given back. */
const DRAIN_MS = 5_000;

/** How soon a delivery is taken up again after the store, or anything else of ours, has failed it. */
const AFTER_FAULT_MS = 5_000;

/** Thrown by `process`: the delivery waits for so many milliseconds and is then brought again. */
export class RetryLater extends Error {
  constructor(readonly delayMs: number) {
    super('webhook_retry');
    this.name = 'RetryLater';
  }
}

export interface WebhookWorkerOptions {
  redis: RedisClient;
  /** Deliveries at once in this process. */
  concurrency: number;
  /** Makes one try; may throw `RetryLater`. */
  process: (payload: DeliveryPayload) => Promise<void>;
  /** Makes what still runs throw `RetryLater`. */
  giveBack: () => void;
  onError: (error: unknown) => void;
}

export interface WebhookWorker {
  /** Takes no further deliveries; resolves when those under way have ended or were given back. */
  close(): Promise<void>;
}

/** Starts taking webhook deliveries. The schedule of the tries lies in Redis, and so survives any process. */
export function startWebhookWorker(options: WebhookWorkerOptions): WebhookWorker {
  const worker = new Worker<DeliveryPayload, null>(
    WEBHOOK_QUEUE,
    async (job: Job<DeliveryPayload, null>) => {
      await options.process(checked(job.data));
      return null;
    },
    {
      connection: options.redis,
      prefix: KEY_PREFIX,
      concurrency: options.concurrency,
      ...TAKEN_AGAIN,
      settings: {
        backoffStrategy: (_attempt, _type, error) => {
          if (error instanceof RetryLater) return error.delayMs;
          options.onError(error);
          return AFTER_FAULT_MS;
        },
      },
    },
  );
  worker.on('error', options.onError);
  // Those that are tried again were heard of when their next try was set.
  worker.on('failed', (_job, error) => {
    if (error instanceof UnrecoverableError) options.onError(error);
  });
  return {
    close: async () => {
      const drain = setTimeout(options.giveBack, DRAIN_MS);
      await worker.close();
      clearTimeout(drain);
    },
  };
}

/** A payload that is not a delivery's fails inside BullMQ, unrun and unretried. */
function checked(data: unknown): DeliveryPayload {
  try {
    assertDeliveryPayload(data);
    return data;
  } catch (error) {
    throw new UnrecoverableError((error as TypeError).message);
  }
}
