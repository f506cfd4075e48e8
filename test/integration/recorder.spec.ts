import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { keys } from '#platform/keys.js';
import { JobHistory } from '#history/job-history.js';
import type { LedgerEntry } from '#history/ledger-entry.js';
import { Retention } from '#history/retention.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { HistoryFixture, type Boundary } from './support/history-fixture.js';
import { attemptRecord, hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

/** Nothing that could be made shorter. */
const randomText = (length: number): string => randomBytes(length / 2).toString('hex');

const HOT_MS = 120_000;
const kept = (options: NewJobOptions = {}): NewJob =>
  newJob({ historyBytes: 100_000_000, retainMs: HOT_MS, ...options });

describe.each(DATABASE_KINDS)('the recorder over %s', (kind) => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, kind);

  /** Creates jobs and brings them to their end: each has a failed attempt and one that completes. */
  async function finish(count: number, make = kept): Promise<NewJob[]> {
    const jobs = Array.from({ length: count }, () => make());
    for (const job of jobs) {
      await fixture.store.create(job);
      await fixture.begin(runOf(job, 'a'));
      await fixture.attempts.advance(runOf(job, 'a'), hop(1));
      await fixture.begin(runOf(job, 'b', 2));
      await fixture.attempts.finish(runOf(job, 'b', 2), outcomeOf('completed', 2));
    }
    return jobs;
  }

  const refused = async (): Promise<{ entry: string; reason: string }[]> => {
    const found = await fixture.redis.xrange(keys.ledgerRefused(), '-', '+');
    return found.map(([, [, entry = '', , reason = '']]) => ({ entry, reason }));
  };

  const once = (jobs: number): { attempts: number; cost: number; input: number } => ({
    attempts: 2 * jobs,
    cost: 2 * jobs * attemptRecord(1).costNano,
    input: 2 * jobs * 7,
  });

  it('records what has ended, and empties the ledger', async () => {
    const jobs = await finish(3);
    await finish(2, unkept);
    const [synchronous] = await finish(1, () => unkept({ historyBytes: 100_000_000 }));
    history.recorder();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual(jobs.map(({ id }) => id).toSorted());
    const { daily, attempts } = await history.sums();
    expect(daily).toStrictEqual(once(4));
    expect(attempts).toStrictEqual(once(4));
    const rows = await history.db.selectFrom('usage_attempts').selectAll().orderBy('id').execute();
    expect(rows.filter(({ wasted }) => wasted)).toHaveLength(4);
    expect(rows.filter(({ job_id }) => job_id === synchronous?.id)).toHaveLength(2);
    expect(fixture.errors).toStrictEqual([]);
  });

  it('keeps the whole record, whatever characters are in it', async () => {
    const odd = 'a\0b \ud800 ü 𝄞';
    const job = kept({ metadata: { run: odd }, request: { messages: [{ role: 'user', content: odd }] } });
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    await fixture.attempts.finish(runOf(job, 'a'), {
      ...outcomeOf('completed'),
      result: JSON.stringify({ text: odd }),
    });
    const before = await fixture.store.readFinished(job.id);
    history.recorder();
    await history.untilRecorded();
    const row = await history.db.selectFrom('finished_jobs').selectAll().executeTakeFirstOrThrow();
    expect({ record: row.record, work: row.work, idempotency: row.idempotency }).toStrictEqual(before);
    expect(row).toMatchObject({
      id: job.id,
      project: 'default',
      key: 'ci',
      type: 'chat',
      state: 'completed',
      model: 'small',
    });
    expect(row.metadata).toStrictEqual({ run: 'a\u{fffd}b \u{fffd} ü 𝄞' });
    expect(fixture.errors).toStrictEqual([]);
  });

  it.each<Boundary>(['readFinished', 'release', 'acknowledge'])(
    'killed at %s, everything is there exactly once',
    async (boundary) => {
      const jobs = await finish(4);
      const first = history.recorder(boundary);
      await first.died;
      history.recorder();
      await history.untilRecorded();
      await expect(history.finishedIds()).resolves.toStrictEqual(jobs.map(({ id }) => id).toSorted());
      await expect(history.sums()).resolves.toStrictEqual({ daily: once(4), attempts: once(4) });
      for (const { id } of jobs) await expect(fixture.redis.pttl(keys.job(id))).resolves.toBeGreaterThan(0);
      await expect(fixture.redis.get(keys.ledgerWaiting())).resolves.toBe('0');
    },
  );

  it('killed right after it read, everything is there exactly once', async () => {
    await finish(4);
    await fixture.redis.xgroup('CREATE', keys.ledger(), 'recorders', '0');
    await fixture.redis.xreadgroup('GROUP', 'recorders', 'dead', 'COUNT', 100, 'STREAMS', keys.ledger(), '>');
    history.recorder();
    await history.untilRecorded();
    await expect(history.sums()).resolves.toStrictEqual({ daily: once(4), attempts: once(4) });
  });

  it('several at once record everything once', async () => {
    for (let i = 0; i < 3; i++) history.recorder();
    const jobs = await finish(30);
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toHaveLength(jobs.length);
    await expect(history.sums()).resolves.toStrictEqual({ daily: once(30), attempts: once(30) });
  });

  it('reads the records of many jobs at once: one by one it would never catch up under load', async () => {
    const jobs = await finish(40);
    const all = Promise.withResolvers<undefined>();
    let asked = 0;
    const through = (store: JobStore): JobStore =>
      Object.assign(Object.create(store) as JobStore, {
        readFinished: async (id: string) => {
          if (++asked === jobs.length) all.resolve(undefined);
          await all.promise;
          return store.readFinished(id);
        },
      });
    history.recorder(null, { through });
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toHaveLength(jobs.length);
  });

  it('with the database killed under load: jobs go on, nothing is lost, and it catches up', async () => {
    history.recorder();
    const jobs = await finish(5);
    await history.untilRecorded();
    await history.server.kill();
    jobs.push(...(await finish(10)));
    await waitFor(() => fixture.errors.length > 0, { describe: 'the recorder to notice' });
    await expect(fixture.redis.pttl(keys.job(jobs.at(-1)?.id ?? ''))).resolves.toBe(-1);
    await history.server.restart();
    jobs.push(...(await finish(5)));
    await history.untilRecorded(30_000);
    await expect(history.finishedIds()).resolves.toStrictEqual(jobs.map(({ id }) => id).toSorted());
    await expect(history.sums()).resolves.toStrictEqual({ daily: once(20), attempts: once(20) });
  });

  it('goes on when Redis has lost the group', async () => {
    history.recorder();
    await finish(1);
    await history.untilRecorded();
    await fixture.redis.del(keys.ledger());
    await finish(1);
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toHaveLength(2);
  });

  it('puts aside what the database refuses, and records the rest', async () => {
    const [bad] = await finish(1);
    await fixture.redis.hset(keys.job(bad?.id ?? ''), 'model', 'a\0b');
    const good = await finish(2);
    history.recorder();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual(good.map(({ id }) => id).toSorted());
    expect((await refused()).map(({ entry }) => JSON.parse(entry) as unknown)).toMatchObject([{ job: bad?.id }]);
    await expect(history.sums()).resolves.toStrictEqual({ daily: once(3), attempts: once(3) });
  });

  it('what was put aside waits no more, lives for a day’s worth of hot windows, and can be recorded when it is mended', async () => {
    const [bad] = await finish(1);
    const job = keys.job(bad?.id ?? '');
    await fixture.redis.hset(job, 'model', 'a\0b');
    history.recorder();
    await history.untilRecorded();
    await expect(fixture.redis.get(keys.ledgerWaiting())).resolves.toBe('0');
    const ttl = await fixture.redis.pttl(job);
    expect(ttl).toBeGreaterThan(23 * HOT_MS);
    expect(ttl).toBeLessThanOrEqual(24 * HOT_MS);
    await expect(fixture.redis.zscore(keys.projectJobs('default'), bad?.id ?? '')).resolves.not.toBeNull();
    await fixture.redis.hset(job, 'model', 'small');
    for (const { entry } of await refused()) await fixture.redis.xadd(keys.ledger(), '*', 'entry', entry);
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual([bad?.id]);
    await expect(fixture.redis.get(keys.ledgerWaiting())).resolves.toBe('0');
    await expect(history.sums()).resolves.toStrictEqual({ daily: once(1), attempts: once(1) });
  });

  it('keeps of what was put aside the newest ten thousand or so', async () => {
    for (let i = 0; i < 12; i++) {
      const pipeline = fixture.redis.pipeline();
      for (let n = 0; n < 1_000; n++) pipeline.xadd(keys.ledgerRefused(), '*', 'entry', '{}', 'reason', 'old');
      await pipeline.exec();
    }
    await fixture.redis.xadd(keys.ledger(), '*', 'entry', 'no JSON');
    history.recorder();
    await history.untilRecorded();
    await expect(fixture.redis.xlen(keys.ledgerRefused())).resolves.toBeLessThan(10_200);
    expect((await refused()).at(-1)?.entry).toBe('no JSON');
  });

  it('an attempt that the database refuses does not take the end of its job with it', async () => {
    const job = kept();
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    const outcome = outcomeOf('completed');
    await fixture.attempts.finish(runOf(job, 'a'), { ...outcome, record: { ...outcome.record, costNano: 0.5 } });
    history.recorder();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual([job.id]);
    const [entry, ...others] = (await refused()).map((one) => JSON.parse(one.entry) as LedgerEntry);
    expect(entry).toMatchObject({ job: job.id, attempt: { costNano: 0.5 }, ended: null });
    expect(others).toHaveLength(0);
  });

  it.each(['no JSON', '', 'null', '{"job":5}'])('puts the entry %j aside, and records the rest', async (text) => {
    await fixture.redis.xadd(keys.ledger(), '*', 'entry', text);
    const good = await finish(2);
    history.recorder();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual(good.map(({ id }) => id).toSorted());
    expect((await refused()).map(({ entry }) => entry)).toStrictEqual([text]);
  });

  it('puts aside what keeps failing while the database answers, whatever the reason is', async () => {
    const [bad] = await finish(1);
    // Longer than an entry of an index may be.
    await fixture.redis.hset(keys.job(bad?.id ?? ''), 'model', randomText(20_000));
    const good = await finish(2);
    history.recorder();
    await history.untilRecorded(30_000);
    await expect(history.finishedIds()).resolves.toStrictEqual(good.map(({ id }) => id).toSorted());
    expect((await refused()).map(({ entry }) => JSON.parse(entry) as unknown)).toMatchObject([{ job: bad?.id }]);
  });

  it('puts nothing aside for a table that is missing: it waits until it is there', async () => {
    const jobs = await finish(2);
    await sql`ALTER TABLE finished_jobs RENAME TO hidden`.execute(history.db);
    history.recorder();
    await waitFor(() => fixture.errors.length > 6, { describe: 'the recorder to have tried often' });
    await sql`ALTER TABLE hidden RENAME TO finished_jobs`.execute(history.db);
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual(jobs.map(({ id }) => id).toSorted());
    await expect(refused()).resolves.toStrictEqual([]);
  });

  it('waits for a database that is too new, and goes on when it fits', async () => {
    await history.db.insertInto('schema_migrations').values({ version: 9_999, name: '9999-later.sql' }).execute();
    const jobs = await finish(1);
    history.recorder();
    await waitFor(() => fixture.errors.length > 1, { describe: 'the recorder to say so, again' });
    expect(String(fixture.errors[0])).toContain('The database is at version 9999');
    await history.db.deleteFrom('schema_migrations').where('version', '=', 9_999).execute();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual(jobs.map(({ id }) => id));
  });

  it('records no job again that was released before its entry was acknowledged', async () => {
    const jobs = await finish(3);
    const [released, ...others] = jobs;
    await fixture.store.release([released?.id ?? '']);
    const recorded: string[] = [];
    const through = (store: JobStore): JobStore =>
      Object.assign(Object.create(store) as JobStore, {
        readFinished: async (id: string) => {
          const found = await store.readFinished(id);
          if (found) recorded.push(found.record.id);
          return found;
        },
      });
    history.recorder(null, { through });
    await history.untilRecorded();
    expect(recorded.toSorted()).toStrictEqual(others.map(({ id }) => id).toSorted());
  });

  it('records one that is as large as a body may be', async () => {
    const content = 'x'.repeat(16 * 1024 * 1024);
    const job = kept({ request: { messages: [{ role: 'user', content }] } });
    await finish(1, () => job);
    history.recorder();
    await history.untilRecorded(30_000);
    await expect(history.finishedIds()).resolves.toStrictEqual([job.id]);
    const work = await new JobHistory(history.db).readWork(job.id);
    expect(JSON.stringify(work?.request)).toHaveLength(JSON.stringify(job.request).length);
  });

  it('a second run under the same id, after Redis lost the first, is counted too, and its record is the one that is kept', async () => {
    const job = kept();
    for (const model of ['small', 'large']) {
      await fixture.redis.flushall();
      await fixture.store.create(job);
      await fixture.begin(runOf(job, 'a'));
      const outcome = outcomeOf('completed');
      await fixture.attempts.finish(runOf(job, 'a'), { ...outcome, record: { ...outcome.record, model } });
      const recorder = history.recorder();
      await history.untilRecorded();
      await recorder.stop();
    }
    const { daily, attempts } = await history.sums();
    expect(daily).toStrictEqual(attempts);
    expect(attempts.attempts).toBe(2);
    const row = await history.db.selectFrom('finished_jobs').select('model').executeTakeFirst();
    expect(row).toStrictEqual({ model: 'large' });
  });

  it('does not bring back a job that was erased before it was recorded', async () => {
    const [erased, other] = await finish(2);
    await history.db
      .insertInto('erased_jobs')
      .values({ id: erased?.id ?? '', erased_ms: Date.now() })
      .execute();
    history.recorder();
    await history.untilRecorded();
    await expect(history.finishedIds()).resolves.toStrictEqual([other?.id]);
  });

  it('forgets more than it deletes at a time, also when several sweep at once', async () => {
    await sql`INSERT INTO finished_jobs (id, project, key, type, state, created_ms, finished_ms, metadata, bytes, record, work)
      SELECT 'job_' || n, 'default', 'ci', 'chat', 'completed', 0, n, '{}', 2, '{}', '{}' FROM generate_series(1, 1800) AS n`.execute(
      history.db,
    );
    const { signal } = new AbortController();
    const sweeps = [1, 2].map(() => new Retention(history.db, 1_000).sweep(2_701, signal));
    const deleted = await Promise.all(sweeps);
    expect(deleted.reduce((sum, count) => sum + count, 0)).toBe(1_700);
    await expect(history.finishedIds()).resolves.toHaveLength(100);
  });

  it('forgets what is older than its retention, and keeps the sums', async () => {
    await finish(3);
    history.recorder();
    await history.untilRecorded();
    const retention = new Retention(history.db, 1_000_000);
    const { signal } = new AbortController();
    await expect(retention.sweep(Date.now(), signal)).resolves.toBe(0);
    await sql`UPDATE finished_jobs SET finished_ms = finished_ms - 1000001`.execute(history.db);
    await sql`UPDATE usage_attempts SET ended_ms = ended_ms - 1000001`.execute(history.db);
    await expect(retention.sweep(Date.now(), signal)).resolves.toBe(9);
    await expect(history.sums()).resolves.toMatchObject({ daily: once(3), attempts: once(0) });
  });
});
