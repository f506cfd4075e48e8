import {
  Global,
  Inject,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { JobStore } from '#jobs/job-store.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, REDIS } from '#platform/platform.module.js';
import type { RedisClient } from '#platform/redis.js';
import { DatabaseProbe } from './database-probe.js';
import { JobHistory } from './job-history.js';
import { KeptJobs } from './kept-jobs.js';
import { AttemptExport } from './attempt-export.js';
import { prepareDatabase } from './prepare-database.js';
import { UsageReport } from './usage-report.js';

/** `@Inject(HISTORY_DATABASE)`: the Database, or null where no history is kept. */
export const HISTORY_DATABASE = Symbol('history database');

/** A little longer than a request waits (`answered`): then its connection is another's. */
const API_SILENCE_MS = 6_000;

/** The history of a process: its database, the jobs wherever they are, and the usage (null without a database). */
@Global()
@Module({})
export class HistoryModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(HISTORY_DATABASE) private readonly database: Database | null,
    @Inject(LOGGER) private readonly logger: Logger,
  ) {}

  static forRole(role: 'api' | 'worker', connections: number): DynamicModule {
    const providers = [
      {
        provide: HISTORY_DATABASE,
        inject: [CONFIG, LOGGER],
        useFactory: ({ history }: TokenhubConfig, logger: Logger) =>
          history &&
          connectDatabase(history.databaseUrl, {
            name: role,
            connections,
            ...(role === 'api' && { silenceMs: API_SILENCE_MS }),
            onError: (error) => logger.debug({ err: error }, 'database connection'),
          }),
      },
      ...[UsageReport, AttemptExport].map((part) => ({
        provide: part,
        inject: [HISTORY_DATABASE],
        useFactory: (database: Database | null) => database && new part(database.db),
      })),
      {
        provide: DatabaseProbe,
        inject: [HISTORY_DATABASE],
        useFactory: (database: Database | null) => new DatabaseProbe(database),
      },
      {
        provide: KeptJobs,
        inject: [REDIS, HISTORY_DATABASE],
        useFactory: (redis: RedisClient, database: Database | null) =>
          new KeptJobs({
            store: new JobStore(redis),
            history: database && new JobHistory(database.db),
            free: (key) => redis.del(key),
          }),
      },
    ];
    return { module: HistoryModule, providers, exports: providers };
  }

  /** Not where it is connected: around what a provider throws Nest prints a stack of its own. */
  async onModuleInit(): Promise<void> {
    if (this.database) await prepareDatabase(this.database.patientDb, this.logger);
  }

  /** Whoever used it has ended by now. */
  async onApplicationShutdown(): Promise<void> {
    await this.database?.close();
  }
}
