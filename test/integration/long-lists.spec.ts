import { describe, expect, it, jest } from '@jest/globals';
import { sql } from 'kysely';
import { JobHistory } from '#history/job-history.js';
import { jobQuery } from '#history/job-query.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { JobFilter } from '#jobs/job-filter.js';
import type { JobPlace } from '#jobs/job-finder.js';
import { PAGE_BYTES } from '#jobs/job-page.js';
import { keys } from '#platform/keys.js';
import { HistoryFixture } from './support/history-fixture.js';
import { newJob, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

const QUEUED = 25_000;
const LIMIT = 20;
const FIRST_MS = Date.parse('2026-03-01T00:00:00Z');

/** Each look at the list is one script; each record on the page is two hashes. */
const LOOKS = 10;
const MOST_COMMANDS = LOOKS + 2 * (LIMIT + 1);

const idOf = (n: number): string =>
  `job_${(FIRST_MS + n).toString(16).padStart(12, '0')}${String(n).padStart(20, '0')}`;

describe('a list with tens of thousands of queued jobs in it', () => {
  const fixture = new RedisFixture();
  const rare: NewJobOptions = { key: 'rare', metadata: { run: 'rare' } };

  async function fill(): Promise<void> {
    const special = new Set([3, QUEUED / 2, QUEUED - 2]);
    for (let n = 0; n < QUEUED; n += 500) {
      const jobs = Array.from({ length: 500 }, (_, i) =>
        newJob({ id: idOf(n + i), createdAt: FIRST_MS + n + i, ...(special.has(n + i) && rare) }),
      );
      await Promise.all(jobs.map((job) => fixture.store.create(job)));
    }
    await fixture.redis.hset(keys.job(idOf(7)), 'state', 'in_progress', 'model', 'large');
  }

  it('is filtered at a bounded cost for each page, and completely', async () => {
    await fill();
    const jobs = new KeptJobs({ store: fixture.store, history: null, free: (key) => fixture.redis.del(key) });
    const commands = jest.spyOn(fixture.redis, 'sendCommand');

    async function all(filter: JobFilter, project: string | null = 'default'): Promise<string[]> {
      const found: string[] = [];
      let after: JobPlace | null = null;
      for (;;) {
        commands.mockClear();
        const page = await jobs.list(project, { after, limit: LIMIT, filter });
        // Of all projects: their names besides.
        expect(commands.mock.calls.length).toBeLessThanOrEqual(MOST_COMMANDS + (project === null ? 1 : 0));
        found.push(...page.records.map(({ id }) => id));
        if (!page.hasMore || page.lastId === null) return found;
        after = { id: page.lastId, createdAt: Number.parseInt(page.lastId.slice(4, 16), 16) };
      }
    }

    const rareIds = [QUEUED - 2, QUEUED / 2, 3].map(idOf);
    await expect(all({ key: 'rare' })).resolves.toStrictEqual(rareIds);
    await expect(all({ metadata: { run: 'rare' } }, null)).resolves.toStrictEqual(rareIds);
    await expect(all({ state: 'in_progress' })).resolves.toStrictEqual([idOf(7)]);
    await expect(all({ model: 'large', type: 'chat' })).resolves.toStrictEqual([idOf(7)]);
    await expect(all({ state: 'failed' })).resolves.toStrictEqual([]);
    await expect(all({ createdBefore: FIRST_MS + 3 })).resolves.toStrictEqual([2, 1, 0].map(idOf));
    commands.mockClear();
    await jobs.list('default', { after: null, limit: LIMIT, filter: { createdBefore: FIRST_MS + 3 } });
    const looks = commands.mock.calls.filter(([command]) => command.args.includes(keys.projectJobs('default')));
    expect(looks).toHaveLength(1);
  }, 120_000);
});

describe('a history of a hundred thousand jobs', () => {
  const history = new HistoryFixture(new RedisFixture(), 'postgres');
  const ROWS = 100_000;

  async function fill(): Promise<void> {
    await sql`INSERT INTO finished_jobs (id, project, key, type, state, model, created_ms, finished_ms, metadata, bytes, record,
        work)
      SELECT 'job_' || lpad(to_hex(${FIRST_MS}::bigint + n), 12, '0') || lpad(n::text, 20, '0'), 'p' || n % 10, 'ci', 'chat',
        CASE WHEN n % 50000 = 7 THEN 'failed' ELSE 'completed' END, CASE WHEN n % 50000 = 7 THEN 'odd' ELSE 'usual' END,
        ${FIRST_MS}::bigint + n, ${FIRST_MS}::bigint + n,
        jsonb_build_object('env', 'prod', 'run', (n / 20)::text), 20, json_build_object('n', n), '{}'
      FROM generate_series(0, ${ROWS - 1}) AS n`.execute(history.db);
    await sql`ANALYZE finished_jobs`.execute(history.db);
  }

  /** How many blocks the query went through, by the server's own word. */
  async function cost(project: string | null, filter: JobFilter): Promise<number> {
    const query = jobQuery(project, { after: null, limit: LIMIT, filter }, PAGE_BYTES);
    const { rows } = await sql<{
      'QUERY PLAN': [{ Plan: Record<string, unknown> }];
    }>`EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ${query}`.execute(history.db);
    const plan = rows[0]?.['QUERY PLAN'][0].Plan;
    return Number(plan?.['Shared Hit Blocks']) + Number(plan?.['Shared Read Blocks']);
  }

  const questions: [string, string | null, JobFilter][] = [
    ['a project', 'p7', {}],
    ['a rare state of a project', 'p7', { state: 'failed' }],
    ['a state that a project does not have', 'p8', { state: 'failed' }],
    ['a rare model of a project', 'p7', { model: 'odd' }],
    ['a key that a project does not have', 'p7', { key: 'none' }],
    ['a type that a project does not have', 'p7', { type: 'orchestration' }],
    ['a time long ago', 'p7', { createdBefore: FIRST_MS + 50, createdFrom: FIRST_MS }],
    ['a rare pair of metadata', 'p7', { metadata: { run: '777' } }],
    ['a pair of metadata that almost all have', 'p7', { metadata: { env: 'prod' } }],
    ['all projects', null, {}],
    ['a rare state in all projects', null, { state: 'failed' }],
    ['a time long ago in all projects', null, { createdBefore: FIRST_MS + 50 }],
    ['a rare pair of metadata in all projects', null, { metadata: { run: '777' } }],
  ];

  it('is read by its indexes, whatever is asked for', async () => {
    await fill();
    const dear: string[] = [];
    for (const [what, project, filter] of questions) {
      const blocks = await cost(project, filter);
      // The table fills more than two thousand.
      if (blocks >= 300) dear.push(`${what}: ${blocks} blocks`);
    }
    expect(dear).toStrictEqual([]);
  });

  it('in all projects gives what each of them has', async () => {
    await fill();
    const found = await new JobHistory(history.db).list(null, { after: null, limit: 5, filter: { state: 'failed' } });
    expect(found as unknown).toStrictEqual({ records: [{ n: 50_007 }, { n: 7 }], lookedTo: null });
  });
});
