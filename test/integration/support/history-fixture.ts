import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database, type Db } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { LedgerReader } from '#history/ledger-reader.js';
import { Recorder } from '#history/recorder.js';
import { JobStore } from '#jobs/job-store.js';
import { keys } from '#platform/keys.js';
import { startDatabase, type DatabaseKind, type DatabaseServer } from '#testing/postgres-harness.js';
import { DeliveryStore } from '#webhooks/delivery-store.js';
import { waitFor } from '#testing/wait-for.js';
import type { RedisFixture } from './redis-fixture.js';

/** How long an entry lies before another recorder takes it. */
const TAKE_OVER_MS = 300;

/** Where a recorder can be made to stop as if it had been killed: it begins what is named, and never comes back from it. */
export type Boundary = 'readFinished' | 'readMany' | 'release' | 'acknowledge';

/** A database beside the Redis of a spec file, emptied before each test. */
export class HistoryFixture {
  server!: DatabaseServer;
  private database!: Database;
  private made = 0;

  constructor(
    private readonly redis: RedisFixture,
    kind: DatabaseKind,
  ) {
    beforeAll(async () => {
      this.server = await startDatabase(kind);
      this.database = connectDatabase(this.server.url, { name: 'test', onError: () => undefined });
      await migrate(this.db);
    });
    beforeEach(async () => {
      await sql`TRUNCATE finished_jobs, erased_jobs, usage_attempts, usage_daily, webhook_deliveries`.execute(this.db);
    });
    afterAll(async () => {
      await this.database.close();
      await this.server.stop();
    });
  }

  get db(): Db {
    return this.database.db;
  }

  /** A recorder at work; with a boundary it dies there. Stopped after the test. `through` is what it sees of the records. */
  recorder(
    diesAt: Boundary | null = null,
    { through = (store) => store, db = this.db }: { through?: (store: JobStore) => JobStore; db?: Db } = {},
  ): { died: Promise<void>; stop: () => Promise<void> } {
    const redis = this.redis.connect();
    const { promise: died, resolve } = Promise.withResolvers<undefined>();
    const dying = <T extends object>(target: T): T =>
      new Proxy(target, {
        get: (of, name) => {
          const value: unknown = Reflect.get(of, name);
          if (typeof value !== 'function') return value;
          if (name !== diesAt) return value.bind(of) as unknown;
          return () => {
            resolve(undefined);
            return new Promise(() => undefined);
          };
        },
      });
    const ledger = new LedgerReader({
      redis,
      blocking: this.redis.connect(),
      consumer: `recorder-${++this.made}`,
      takeOverMs: TAKE_OVER_MS,
    });
    const recorder = new Recorder({
      ledger: dying(ledger),
      store: dying(through(new JobStore(redis))),
      deliveries: dying(new DeliveryStore(redis, { recorded: true })),
      db,
      patientDb: db,
      onError: this.redis.onError,
      onFatal: this.redis.onError,
    });
    recorder.start();
    const stop = (): Promise<void> => recorder.stop();
    if (diesAt === null) this.redis.after(stop);
    return { died, stop };
  }

  /** Waits until everything that has happened is recorded. */
  async untilRecorded(timeoutMs = 30_000): Promise<void> {
    await waitFor(async () => (await this.redis.redis.xlen(keys.ledger())) === 0, {
      timeoutMs,
      describe: 'the ledger to be empty',
    });
  }

  async finishedIds(): Promise<string[]> {
    const rows = await this.db.selectFrom('finished_jobs').select('id').orderBy('id').execute();
    return rows.map(({ id }) => id);
  }

  /** The sums by day, added up, and those of the single attempts: alike when every attempt was counted once. */
  async sums(): Promise<{ daily: Sum; attempts: Sum }> {
    const { rows: daily } = await sql<Sum>`SELECT coalesce(sum(attempts), 0)::bigint AS attempts,
      coalesce(sum(cost_nano), 0)::bigint AS cost, coalesce(sum(input_tokens), 0)::bigint AS input FROM usage_daily`.execute(
      this.db,
    );
    const { rows: attempts } = await sql<Sum>`SELECT count(*) AS attempts, coalesce(sum(cost_nano), 0)::bigint AS cost,
      coalesce(sum(input_tokens), 0)::bigint AS input FROM usage_attempts`.execute(this.db);
    const [a, b] = [daily[0], attempts[0]];
    if (!a || !b) throw new Error('a sum is one row');
    return { daily: a, attempts: b };
  }
}

export interface Sum {
  attempts: number;
  cost: number;
  input: number;
}
