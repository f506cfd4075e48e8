import { describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { keys } from '#platform/keys.js';
import { Retention } from '#history/retention.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { HistoryFixture, type Boundary } from './support/history-fixture.js';
import { attemptRecord, hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

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
    expect(row.record).toStrictEqual(before);
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
  }, 60_000);

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
    const refused = await fixture.redis.xrange(keys.ledgerRefused(), '-', '+');
    expect(refused.map(([, [, entry]]) => JSON.parse(entry ?? '') as unknown)).toMatchObject([{ job: bad?.id }]);
    await expect(fixture.redis.pttl(keys.job(bad?.id ?? ''))).resolves.toBe(-1);
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
