import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { HttpClient } from '#http/http-client.js';
import type { JobStore } from '#jobs/job-store.js';
import type { WebhookProject } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';
import { WebhookQueue } from '#queues/webhook-queue.js';
import { startWebhookWorker, type WebhookWorker } from '#queues/webhook-worker.js';
import type { CredentialStores } from '#registry/credentials.js';
import { Deliver } from './deliver.js';
import { DeliveryStore } from './delivery-store.js';
import { OutboxReader } from './outbox-reader.js';
import { TargetDirectory } from './target-directory.js';

/** Deliveries at once in one process; each may wait 15 s for its receiver. */
const CONCURRENCY = 100;

export interface WebhookRoleDeps {
  redis: RedisClient;
  /** A connection of its own; its owner is this role. */
  blocking: RedisClient;
  processId: string;
  jobs: Pick<JobStore, 'read'>;
  /** Guarded; its owner is this role. */
  http: HttpClient;
  projects: readonly WebhookProject[];
  secrets: CredentialStores;
  random: () => number;
  logger: Logger;
}

/** Everything that a worker does for webhooks, in the order in which it starts and ends. */
export class WebhookRole implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly queue: WebhookQueue;
  private readonly outbox: OutboxReader;
  private readonly deliver: Deliver;
  private worker: WebhookWorker | null = null;

  constructor(private readonly deps: WebhookRoleDeps) {
    const { redis, blocking, processId, jobs, http, random, logger } = deps;
    const onError = (error: unknown): void => logger.warn({ err: error }, 'webhooks');
    const deliveries = new DeliveryStore(redis);
    const targets = new TargetDirectory(deps, deps.secrets);
    this.queue = new WebhookQueue(redis, onError);
    this.outbox = new OutboxReader({ redis, blocking, processId, deliveries, queue: this.queue, onError });
    this.deliver = new Deliver({ deliveries, targets, jobs, http, random, logger });
  }

  onApplicationBootstrap(): void {
    const { redis, logger } = this.deps;
    this.worker = startWebhookWorker({
      redis,
      concurrency: CONCURRENCY,
      process: ({ deliveryId }) => this.deliver.run(deliveryId),
      giveBack: () => this.deliver.giveBack(),
      onError: (error) => logger.warn({ err: error }, 'webhook worker'),
    });
    this.outbox.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.outbox.stop();
    await this.worker?.close();
    await this.queue.close();
    await this.deps.http.close();
  }
}
