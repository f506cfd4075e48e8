import { describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { AttemptExport, type ExportPeriod } from '#history/attempt-export.js';
import type { AttemptEntry } from '#history/attempt-row.js';
import { HistoryWriter } from '#history/history-writer.js';
import { waitForTurn } from '#history/recording-order.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { HistoryFixture } from './support/history-fixture.js';
import { hop, newJob, outcomeOf, runOf } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

const DAY_MS = 24 * 3_600_000;
const FIRST = Date.parse('2026-02-27T00:00:00Z');
const ALL: ExportPeriod = { from: null, to: null };

/** The n-th attempt; it ended on this day of a few. */
function attempt(n: number, day: number, key = 'ci'): AttemptEntry {
  return {
    ...{ job: `job_${n}`, project: 'default', key, at: FIRST + day * DAY_MS + (n % 1_000), late: false, ended: null },
    attempt: {
      ...{ id: idOf(n), model: 'small', provider: 'acme', state: 'completed', errorClass: null },
      ...{ waitedMs: 1, ttftMs: null, durationMs: 2, usage: null, usageEstimated: false, costNano: n },
    },
  };
}

const idOf = (n: number): string => `job_${n}-answer.1`;
const numbers = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i);

describe.each(DATABASE_KINDS)('an export over %s', (kind) => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, kind);

  /** Pages from the cursor on until there is nothing more at this moment. */
  async function goOn(
    after: number,
    { period = ALL, limit = 7, lookedThrough }: { period?: ExportPeriod; limit?: number; lookedThrough?: number } = {},
  ): Promise<{ ids: string[]; cursor: number; pages: number }> {
    const attempts = new AttemptExport(history.db, lookedThrough);
    const ids: string[] = [];
    for (let [cursor, pages] = [after, 1]; ; pages++) {
      const page = await attempts.page(period, { after: cursor, limit });
      expect(page.attempts.length).toBeLessThanOrEqual(limit);
      ids.push(...page.attempts.map(({ id }) => String(id)));
      cursor = page.next;
      if (!page.hasMore) return { ids, cursor, pages };
    }
  }

  it('has each attempt once, page by page, in the order of recording', async () => {
    const writer = new HistoryWriter(history.db);
    await writer.addAttempts(numbers(0, 20).map((n) => attempt(n, 3)));
    await writer.addAttempts(numbers(10, 40).map((n) => attempt(n, n < 20 ? 3 : 1)));
    const { ids, pages } = await goOn(0);
    expect(ids.slice(0, 20).toSorted()).toStrictEqual(numbers(0, 20).map(idOf).toSorted());
    expect(ids.slice(20).toSorted()).toStrictEqual(numbers(20, 40).map(idOf).toSorted());
    expect(pages).toBe(6);
    await expect(goOn(0, { limit: 40 })).resolves.toMatchObject({ ids, pages: 1 });
  });

  it('goes on with what a recorder adds late, however long ago it ended', async () => {
    const writer = new HistoryWriter(history.db);
    await writer.addAttempts(numbers(0, 10).map((n) => attempt(n, 3)));
    const before = await goOn(0);
    await expect(goOn(before.cursor)).resolves.toStrictEqual({ ids: [], cursor: before.cursor, pages: 1 });
    await writer.addAttempts([attempt(10, 0), attempt(11, 4)]);
    const period = { from: '2026-02-27', to: '2026-03-02' };
    const ofPeriod = await goOn(0, { period });
    expect(ofPeriod.ids).toHaveLength(11);
    expect((await goOn(before.cursor)).ids).toStrictEqual([10, 11].map(idOf));
    expect((await goOn(before.cursor, { period })).ids).toStrictEqual([idOf(10)]);
  });

  it('refuses a cursor that the database has not given out: it was restored from a backup', async () => {
    await new HistoryWriter(history.db).addAttempts([attempt(1, 0), attempt(2, 0)]);
    const { cursor } = await goOn(0);
    await expect(goOn(cursor)).resolves.toMatchObject({ ids: [], cursor });
    for (const period of [ALL, { from: '2026-02-27', to: null }]) {
      await expect(goOn(cursor + 1, { period })).rejects.toMatchObject({ code: 'cursor_ahead', status: 409 });
    }
  });

  it('of a period has its days alone, in short pages where others lie between', async () => {
    const writer = new HistoryWriter(history.db);
    for (const day of [0, 1, 2]) {
      await writer.addAttempts(numbers(100 * day, 100 * day + 60).map((n) => attempt(n, day)));
    }
    await writer.addAttempts([attempt(999, 1)]);
    const expected = [...numbers(100, 160), 999].map(idOf).toSorted();
    const period = { from: '2026-02-28', to: '2026-02-28' };
    for (const lookedThrough of [1, 5, 1_000]) {
      const { ids, pages } = await goOn(0, { period, limit: 50, lookedThrough });
      expect(ids.toSorted()).toStrictEqual(expected);
      // Those of the day before are not looked through, those between its last two are.
      expect(pages).toBeLessThanOrEqual(Math.ceil(121 / lookedThrough) + 2);
    }
    await expect(goOn(0, { period: { from: '2026-04-01', to: null } })).resolves.toMatchObject({ ids: [], pages: 1 });
    expect((await goOn(0, { period: { from: null, to: '2026-02-27' } })).ids).toHaveLength(60);
  });

  it('misses nothing while two recorders are at work, one of which is killed', async () => {
    const first = history.recorder('acknowledge');
    history.recorder();
    const seen: string[] = [];
    let cursor = 0;
    const read = async (): Promise<void> => {
      const more = await goOn(cursor, { limit: 3 });
      seen.push(...more.ids);
      cursor = more.cursor;
    };
    const jobs = Array.from({ length: 40 }, () => newJob({ historyBytes: 100_000_000, retainMs: 120_000 }));
    const finishing = jobs.map(async (job) => {
      await fixture.store.create(job);
      await fixture.begin(runOf(job, 'a'));
      await fixture.attempts.advance(runOf(job, 'a'), hop(1));
      await read();
      await fixture.begin(runOf(job, 'b', 2));
      await fixture.attempts.finish(runOf(job, 'b', 2), outcomeOf('completed', 2));
    });
    // One after the other, each with a look of the reader between its two attempts.
    for (const job of finishing) await job;
    await first.died;
    await history.untilRecorded();
    await read();
    const rows = await history.db.selectFrom('usage_attempts').select('id').execute();
    expect(rows).toHaveLength(80);
    expect(new Set(seen).size).toBe(80);
  });
});

describe('recorders over postgres', () => {
  const history = new HistoryFixture(new RedisFixture(), 'postgres');

  it('become visible in the order of their numbers, also when the first is the slower', async () => {
    const writer = new HistoryWriter(history.db);
    const gate = new pg.Client({ connectionString: history.server.url });
    await gate.connect();
    try {
      await gate.query('SELECT pg_advisory_lock(1)');
      // The first has its number, and does not get to its commit.
      await sql`CREATE FUNCTION wait_at_gate() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN IF NEW.key = ''slow'' THEN PERFORM pg_advisory_xact_lock(1); END IF; RETURN NEW; END'`.execute(
        history.db,
      );
      await sql`CREATE TRIGGER gate BEFORE INSERT ON usage_daily FOR EACH ROW EXECUTE FUNCTION wait_at_gate()`.execute(
        history.db,
      );
      const slow = writer.addAttempts([attempt(1, 0, 'slow')]);
      const waiting = async (count: number): Promise<boolean> => {
        const { rows } = await gate.query<{ n: string }>(
          `SELECT count(*) AS n FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`,
        );
        return Number(rows[0]?.n) === count;
      };
      await waitFor(() => waiting(1), { describe: 'the slow recorder at the gate' });
      const quick = writer.addAttempts([attempt(2, 0, 'quick')]);
      await waitFor(
        async () => (await waiting(2)) || (await new AttemptExport(history.db).page(ALL, page)).attempts.length > 0,
        { describe: 'the quick one to wait, or to be done' },
      );
      const early = await new AttemptExport(history.db).page(ALL, page);
      await gate.query('SELECT pg_advisory_unlock(1)');
      await Promise.all([slow, quick]);
      const late = await new AttemptExport(history.db).page(ALL, { ...page, after: early.next });
      expect([...early.attempts, ...late.attempts].map(({ id }) => id)).toStrictEqual([1, 2].map(idOf));
    } finally {
      await gate.end();
      await sql`DROP TRIGGER IF EXISTS gate ON usage_daily`.execute(history.db);
      await sql`DROP FUNCTION IF EXISTS wait_at_gate()`.execute(history.db);
    }
  });

  it('do not wait for ever for one that was stopped in the middle', async () => {
    const stopped = Promise.withResolvers<undefined>();
    const began = Promise.withResolvers<undefined>();
    const first = history.db.transaction().execute(async (trx) => {
      await waitForTurn(trx);
      began.resolve(undefined);
      await stopped.promise;
      await sql`SELECT 1`.execute(trx);
    });
    await began.promise;
    await new HistoryWriter(history.db).addAttempts([attempt(1, 0)]);
    stopped.resolve(undefined);
    await expect(first).rejects.toThrow();
    expect((await new AttemptExport(history.db).page(ALL, page)).attempts).toHaveLength(1);
  });

  const page = { after: 0, limit: 10 };
});
