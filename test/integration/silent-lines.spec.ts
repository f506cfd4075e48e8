import { afterEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { AuditLog } from '#audit/audit-log.js';
import { connectDatabase, isDatabaseUnavailable, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { HistoryWriter } from '#history/history-writer.js';
import { JobHistory } from '#history/job-history.js';
import type { FinishedJob } from '#jobs/job-store.js';
import { SettingsStore } from '#settings/settings-store.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { SecretStore } from '#vault/secret-store.js';
import { HistoryFixture } from './support/history-fixture.js';
import { newJob, outcomeOf, runOf } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { TcpProxy } from './support/tcp-proxy.js';

const SILENCE_MS = 1_500;

describe.each(DATABASE_KINDS)('behind a line that goes mute, %s', (kind) => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, kind);
  const opened: (() => Promise<void>)[] = [];

  /** The database through a proxy. */
  async function behindProxy(silenceMs: number, connections = 2): Promise<{ proxy: TcpProxy; database: Database }> {
    const proxy = await TcpProxy.start(history.server.url);
    const database = connectDatabase(proxy.url, { name: 'test', connections, silenceMs, onError: () => undefined });
    opened.push(
      () => database.close(),
      () => proxy.close(),
    );
    return { proxy, database };
  }

  async function finished(): Promise<FinishedJob> {
    const job = newJob({ historyBytes: 100_000_000 });
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    const found = await fixture.store.readFinished(job.id);
    if (found === null) throw new Error(`${job.id} has not finished`);
    return found;
  }

  afterEach(async () => {
    for (const close of opened.splice(0)) await close();
  });

  it('reads say that the database is away, more of them than there are connections, and then go on', async () => {
    const { proxy, database } = await behindProxy(SILENCE_MS);
    const jobs = new JobHistory(database.db);
    const job = await finished();
    await new HistoryWriter(history.db).addJobs([job]);
    await expect(jobs.look(job.record.id)).resolves.not.toBeNull();
    proxy.muteAfter('select');
    for (let i = 0; i < 4; i++) {
      await expect(jobs.look(job.record.id)).rejects.toMatchObject({ code: 'store_unavailable' });
    }
    proxy.resume();
    await expect(jobs.look(job.record.id)).resolves.not.toBeNull();
  });

  it('the recorder goes on through a new connection', async () => {
    const { proxy, database } = await behindProxy(SILENCE_MS);
    history.recorder(null, { db: database.db });
    const before = await finished();
    await history.untilRecorded();
    proxy.muteAfter('INSERT INTO usage_attempts');
    const after = await finished();
    await waitFor(() => fixture.errors.length > 0, { describe: 'the recorder to give the line up' });
    expect(fixture.errors.every(isDatabaseUnavailable)).toBe(true);
    proxy.resume();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual([before.record.id, after.record.id].toSorted());
  });

  it('an erasure that was given up does not happen later', async () => {
    const { proxy, database } = await behindProxy(60_000);
    const job = await finished();
    await new HistoryWriter(history.db).addJobs([job]);
    proxy.muteAfter('insert into "erased_jobs"');
    const erased = new JobHistory(database.db).erase(job.record.id);
    await expect(erased).rejects.toMatchObject({ code: 'store_unavailable' });
    proxy.resume();
    await database.close();
    await expect(history.finishedIds()).resolves.toStrictEqual([job.record.id]);
    await expect(history.db.selectFrom('erased_jobs').selectAll().execute()).resolves.toStrictEqual([]);
  });
});

describe('whoever was stopped with a lock in its hands keeps nobody waiting for ever', () => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, 'postgres');
  const job = { record: { ...newJob(), state: 'failed', finishedAt: 1 }, work: {}, idempotency: null } as unknown;
  const write = (db: Database['db']): Promise<void> => new HistoryWriter(db).addJobs([job as FinishedJob]);
  const erase = (db: Database['db']): Promise<unknown> => new JobHistory(db).erase('job_1');
  const by = { actor: 'token', requestId: null };
  const setSecret = (db: Database['db']): Promise<unknown> => new SecretStore(db).write('a', () => 'sealed');
  const append = (db: Database['db']): Promise<unknown> =>
    new AuditLog({ db, writeLine: () => undefined }).record({
      ...{ ...by, action: 'pool.paused', target: 'p', before: null, after: null },
    });
  let made = 0;
  const change = (db: Database['db']): Promise<unknown> =>
    new SettingsStore(db).change(
      [],
      () => [{ change: 'insert', kind: 'model', id: `m${(made += 1)}`, definition: {} }],
      by,
    );

  it.each([
    ['a recorder', 'pg_advisory_xact_lock_shared(7401954)', write, 'erasures', erase],
    ['an erasure', 'pg_advisory_xact_lock(7401954)', erase, 'recorders', write],
    ['a migration', 'pg_advisory_xact_lock(7401953)', migrate, 'another migration', migrate],
    ['a change of settings', 'pg_advisory_xact_lock(7401956)', change, 'a secret that is set', setSecret],
    ['who sets a secret', 'pg_advisory_xact_lock(7401956)', setSecret, 'changes of settings', change],
    ['an entry of the audit', 'pg_advisory_xact_lock(7401957)', append, 'changes of settings', change],
  ])('%s that had said %s', async (_stopped, lock, doIt, _waiting, after) => {
    const proxy = await TcpProxy.start(history.server.url);
    const stopped = connectDatabase(proxy.url, { name: 'stopped', silenceMs: 60_000, onError: () => undefined });
    proxy.muteAfter(lock);
    const refused = expect(doIt(stopped.db)).rejects.toThrow();
    await waitFor(() => proxy.muted === 1, { describe: 'the lock to be taken' });
    // An erasure that waits says so after a few seconds, and is tried again.
    await waitFor(() => after(history.db).then(() => true));
    await proxy.close();
    await stopped.close();
    await refused;
  });

  it.each([
    ['settings', 7_401_956, change],
    ['secrets', 7_401_956, setSecret],
  ])('changes of %s that wait for a lock leave their connections to others before these give up', async (...row) => {
    const [, lock, doIt] = row;
    await history.db.connection().execute(async (holder) => {
      await sql`SELECT pg_advisory_lock(${sql.lit(lock)})`.execute(holder);
      const database = connectDatabase(history.server.url, { name: 'test', onError: () => undefined });
      const waiting = Array.from({ length: 5 }, () => doIt(database.db).catch((error: unknown) => error));
      await waitFor(async () => (await waitingFor(holder)) === 5);
      await append(database.db);
      for (const one of await Promise.all(waiting)) expect(one).toMatchObject({ code: 'store_unavailable' });
      expect(await waitingFor(holder)).toBe(0);
      await sql`SELECT pg_advisory_unlock(${sql.lit(lock)})`.execute(holder);
      await doIt(database.db);
      await database.close();
    });
  });

  async function waitingFor(db: Database['db']): Promise<number> {
    const { rows } = await sql`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`.execute(db);
    return rows.length;
  }

  it('a migration waits for another as long as that takes', async () => {
    await history.db.connection().execute(async (holder) => {
      await sql`SELECT pg_advisory_lock(7401953)`.execute(holder);
      const since = performance.now();
      const migrated = migrate(history.db);
      // Longer than anything waits for which somebody waits.
      await waitFor(async () => performance.now() - since > 4_000 && (await waitingFor(holder)) === 1);
      await sql`SELECT pg_advisory_unlock(7401953)`.execute(holder);
      await expect(migrated).resolves.toEqual([]);
    });
  });
});
