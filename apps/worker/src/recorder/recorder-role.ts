import type { OnApplicationBootstrap, OnModuleDestroy } from '@nestjs/common';
import type { Database } from '#database/connect-database.js';
import { LedgerReader } from '#history/ledger-reader.js';
import { Recorder } from '#history/recorder.js';
import { Retention } from '#history/retention.js';
import { JobStore } from '#jobs/job-store.js';
import { DeliveryStore } from '#webhooks/delivery-store.js';
import type { Logger } from '#platform/logging.js';
import type { RedisClient } from '#platform/redis.js';

const SWEEP_EVERY_MS = 600_000;

export interface RecorderRoleDeps {
  redis: RedisClient;
  /** A connection of its own; its owner is this role. */
  blocking: RedisClient;
  database: Database;
  retentionMs: number;
  processId: string;
  logger: Logger;
}

/** What a worker does for the history: it records what has ended, and forgets what is old. */
export class RecorderRole implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly recorder: Recorder;
  private readonly retention: Retention;
  private readonly stopped = new AbortController();
  private sweeping = Promise.resolve();
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly deps: RecorderRoleDeps) {
    const { redis, blocking, database, processId, logger } = deps;
    this.recorder = new Recorder({
      ledger: new LedgerReader({ redis, blocking, consumer: processId }),
      store: new JobStore(redis),
      deliveries: new DeliveryStore(redis, { recorded: true }),
      db: database.db,
      onError: (error) => logger.warn({ err: error }, 'recorder'),
      onFatal: (error, message) => logger.error({ err: error }, message),
    });
    this.retention = new Retention(database.db, deps.retentionMs);
  }

  onApplicationBootstrap(): void {
    this.recorder.start();
    this.timer = setInterval(() => {
      this.sweeping = this.sweep();
    }, SWEEP_EVERY_MS);
  }

  async onModuleDestroy(): Promise<void> {
    clearInterval(this.timer);
    this.stopped.abort();
    await this.recorder.stop();
    await this.sweeping;
  }

  private async sweep(): Promise<void> {
    try {
      await this.retention.sweep(Date.now(), this.stopped.signal);
    } catch (error) {
      this.deps.logger.warn({ err: error }, 'retention');
    }
  }
}
