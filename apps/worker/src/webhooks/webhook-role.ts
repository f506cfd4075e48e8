import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { HttpClient } from '#http/http-client.js';
import type { JobStore } from '#jobs/job-store.js';
import type { WebhookProject } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';
import { WebhookQueue } from '#queues/webhook-queue.js';
import { startWebhookWorker, type WebhookWorker } from '#queues/webhook-worker.js';
import type { CredentialStores } from '#registry/credentials.js';
import type { Cipher } from '#vault/cipher.js';
import { DeliveryStore } from '#webhooks/delivery-store.js';
import type { EndpointMarks } from '#webhooks/endpoint-marks.js';
import type { LiveEndpoints } from '#webhooks/live-endpoints.js';
import { TargetDirectory } from '#webhooks/target-directory.js';
import { Deliver } from './deliver.js';
import type { EndpointDisabler } from './endpoint-disabler.js';
import { OutboxReader } from './outbox-reader.js';

/** Deliveries at once in one process; each may wait 15 s for its receiver. */
const CONCURRENCY = 100;

export interface WebhookRoleDeps {
  redis: RedisClient;
  /** A connection of its own; its owner is this role. */
  blocking: RedisClient;
  processId: string;
  jobs: Pick<JobStore, 'readUpTo'>;
  /** Guarded; its owner is this role. */
  http: HttpClient;
  projects: readonly WebhookProject[];
  secrets: CredentialStores;
  /** Those that were made over the API. */
  made: LiveEndpoints;
  marks: EndpointMarks;
  disabler: EndpointDisabler;
  cipher: Pick<Cipher, 'open'>;
  /** True where what has ended is recorded. */
  recorded: boolean;
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
    const { redis, blocking, processId, jobs, http, random, logger, made, marks, disabler, cipher } = deps;
    const onError = (error: unknown): void => logger.warn({ err: error }, 'webhooks');
    const deliveries = new DeliveryStore(redis, { recorded: deps.recorded });
    const targets = new TargetDirectory({ config: deps, stores: deps.secrets, made, cipher });
    this.queue = new WebhookQueue(redis, onError);
    this.outbox = new OutboxReader({ redis, blocking, processId, deliveries, queue: this.queue, onError });
    this.deliver = new Deliver({ deliveries, marks, targets, disabler, jobs, http, random, logger });
  }

  async onApplicationBootstrap(): Promise<void> {
    const { redis, logger, made } = this.deps;
    await made.start();
    this.worker = startWebhookWorker({
      redis,
      concurrency: CONCURRENCY,
      process: (payload) => this.deliver.run(payload),
      giveBack: () => this.deliver.giveBack(),
      onError: (error) => logger.warn({ err: error }, 'webhook worker'),
    });
    this.outbox.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.outbox.stop();
    await this.worker?.close();
    await this.queue.close();
    this.deps.made.stop();
    await this.deps.http.close();
  }
}
