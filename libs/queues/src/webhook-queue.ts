import { Queue } from 'bullmq';
import { assertDeliveryPayload, deliveryJobId, type DeliveryPayload } from '#contracts/queue-payloads.js';
import { KEY_PREFIX, WEBHOOK_QUEUE } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** Events of the queue that BullMQ keeps for its own subscribers; nothing here reads them. */
const EVENTS_KEPT = 100;

/** How often a delivery is tried is its own record's affair, which also knows when; BullMQ only waits. */
const NEVER_GIVEN_UP = Number.MAX_SAFE_INTEGER;

/** The one door through which webhook deliveries are enqueued. */
export class WebhookQueue {
  private readonly queue: Queue;

  constructor(redis: RedisClient, onError: (error: unknown) => void) {
    this.queue = new Queue(WEBHOOK_QUEUE, {
      connection: redis,
      prefix: KEY_PREFIX,
      skipVersionCheck: true,
      skipWaitingForReady: true,
      streams: { events: { maxLen: EVENTS_KEPT } },
      defaultJobOptions: { attempts: NEVER_GIVEN_UP, backoff: { type: 'custom' }, stackTraceLimit: 1 },
    });
    this.queue.on('error', onError);
  }

  /** Adds deliveries, in their order. Adding one again while BullMQ has it changes nothing. Throws a TypeError for a wrong payload. */
  async enqueue(payloads: readonly DeliveryPayload[]): Promise<void> {
    for (const payload of payloads) assertDeliveryPayload(payload);
    await this.queue.addBulk(
      payloads.map((data) => ({ name: 'delivery', data, opts: { jobId: deliveryJobId(data) } })),
    );
  }

  /** Lets go of the queue; the Redis connection is the caller's. */
  async close(): Promise<void> {
    await this.queue.close();
  }
}
