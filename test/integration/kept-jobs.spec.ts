import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { sql } from 'kysely';
import { JobHistory } from '#history/job-history.js';
import { HistoryWriter } from '#history/history-writer.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { JobFilter } from '#jobs/job-filter.js';
import type { FinderBounds, FindOptions } from '#jobs/job-finder.js';
import type { NewJob } from '#jobs/job-record.js';
import { JobStore } from '#jobs/job-store.js';
import { DATABASE_KINDS } from '#testing/postgres-harness.js';
import { HistoryFixture } from './support/history-fixture.js';
import { newJob, outcomeOf, runOf } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

/** Where a job is on its way from creation to the end of its hot window. */
const PLACES = ['queued', 'finished', 'recorded', 'hot', 'gone'] as const;
type Place = (typeof PLACES)[number];

const filters: JobFilter[] = [
  {},
  { state: 'queued' },
  { state: 'completed' },
  { metadata: { parity: 'odd' } },
  { key: 'ci', type: 'chat' },
  { model: 'small', metadata: { parity: 'even' } },
  { createdFrom: 1_001, createdBefore: 1_003 },
  { createdBefore: 1_002, state: 'completed', key: 'ci' },
];

const PROJECTS = ['default', 'other'];

interface Made {
  id: string;
  place: Place;
  n: number;
  project: string;
  createdAt: number;
}

function passes({ place, n, createdAt }: Made, filter: JobFilter): boolean {
  const state = place === 'queued' ? 'queued' : 'completed';
  const { createdFrom = 0, createdBefore = Infinity } = filter;
  return (
    (filter.state ?? state) === state &&
    (filter.metadata?.parity ?? (n % 2 === 0 ? 'even' : 'odd')) === (n % 2 === 0 ? 'even' : 'odd') &&
    (filter.model === undefined || place !== 'queued') &&
    createdAt >= createdFrom &&
    createdAt < createdBefore
  );
}

describe.each(DATABASE_KINDS)('jobs in both stores, over %s', (kind) => {
  const fixture = new RedisFixture();
  const history = new HistoryFixture(fixture, kind);
  const kept = (bounds?: FinderBounds): KeptJobs =>
    new KeptJobs({
      store: new JobStore(fixture.redis, bounds),
      history: new JobHistory(history.db),
      free: (key) => fixture.redis.del(key),
    });

  /** Makes the n-th job and brings it to its place. */
  async function bring(place: Place, n: number, project = 'default'): Promise<NewJob> {
    const createdAt = 1_000 + Math.floor(n / 3);
    const id = `job_${createdAt.toString(16).padStart(12, '0')}${String(n).padStart(20, '0')}`;
    const metadata = { parity: n % 2 === 0 ? 'even' : 'odd' };
    const job = newJob({ id, createdAt, metadata, project, historyBytes: 100_000_000 });
    await fixture.store.create(job);
    if (place === 'queued') return job;
    await fixture.begin(runOf(job, 'a'));
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'));
    if (place === 'finished') return job;
    const finished = await fixture.store.readFinished(job.id);
    if (finished === null) throw new Error(`${job.id} has not finished`);
    await new HistoryWriter(history.db).addJobs([finished]);
    if (place === 'recorded') return job;
    await fixture.store.release([job.id]);
    if (place === 'gone') await fixture.store.delete(job.id, project);
    return job;
  }

  async function pages(jobs: KeptJobs, project: string | null, options: FindOptions): Promise<string[]> {
    const found: string[] = [];
    let { after } = options;
    for (;;) {
      const page = await jobs.list(project, { ...options, after });
      expect(page.records.length).toBeLessThanOrEqual(options.limit);
      found.push(...page.records.map(({ id }) => id));
      if (!page.hasMore) return found;
      const id = page.lastId ?? '';
      expect(after === null || id < after.id).toBe(true);
      after = { id, createdAt: Number.parseInt(id.slice('job_'.length, 'job_'.length + 12), 16) };
    }
  }

  it('are one list: newest first, without a gap or a job twice, wherever each of them is and however far a page looks', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.constantFrom(...PLACES), fc.constantFrom(...PROJECTS)), { maxLength: 14 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom(...filters),
        fc.constantFrom(...PROJECTS, null),
        fc.record({ entries: fc.integer({ min: 1, max: 4 }), looks: fc.integer({ min: 1, max: 3 }) }),
        async (places, limit, filter, project, bounds) => {
          await fixture.redis.flushall();
          fixture.store = new JobStore(fixture.redis);
          await sql`TRUNCATE finished_jobs, erased_jobs`.execute(history.db);
          const jobs: Made[] = [];
          for (const [n, [place, owner]] of places.entries()) {
            const { id, createdAt } = await bring(place, n, owner);
            jobs.push({ id, place, n, createdAt, project: owner });
          }
          const expected = jobs
            .filter((job) => (project === null || job.project === project) && passes(job, filter))
            .map(({ id }) => id)
            .toReversed();
          await expect(pages(kept(bounds), project, { after: null, limit, filter })).resolves.toStrictEqual(expected);
        },
      ),
      { numRuns: 60, seed: 42 },
    );
  }, 120_000);

  it('that the recorder takes over while a list is read are in it once', async () => {
    const jobs = [await bring('finished', 1), await bring('recorded', 2), await bring('queued', 3)];
    const find = fixture.store.find.bind(fixture.store);
    const store = Object.assign(Object.create(fixture.store) as typeof fixture.store, {
      find: async (...args: Parameters<typeof find>) => {
        const page = await find(...args);
        const [finished, recorded] = jobs;
        const record = await fixture.store.readFinished(finished?.id ?? '');
        if (record) await new HistoryWriter(history.db).addJobs([record]);
        for (const job of [finished, recorded]) await fixture.store.release([job?.id ?? '']);
        return page;
      },
    });
    const free = (key: string): Promise<number> => fixture.redis.del(key);
    const { records } = await new KeptJobs({ store, history: new JobHistory(history.db), free }).list('default', {
      after: null,
      limit: 10,
    });
    expect(records.map(({ id }) => id)).toStrictEqual(jobs.map(({ id }) => id).toReversed());
  });

  it.each(PLACES.filter((place) => place !== 'queued'))('erased while %s are nowhere, and stay away', async (place) => {
    const job = await bring(place, 1);
    const finished = (await fixture.store.readFinished(job.id)) ?? (await new JobHistory(history.db).read(job.id));
    await expect(kept().erase(job.id, 'default')).resolves.toBe('deleted');
    await expect(kept().read(job.id)).resolves.toBeNull();
    if (finished) await new HistoryWriter(history.db).addJobs([finished]);
    await expect(kept().look(job.id)).resolves.toBeNull();
    await expect(kept().erase(job.id, 'default')).resolves.toBe('missing');
  });

  it('that have not finished are not erased', async () => {
    const job = await bring('queued', 1);
    await expect(kept().erase(job.id, 'default')).resolves.toBe('unfinished');
    await expect(history.db.selectFrom('erased_jobs').selectAll().execute()).resolves.toStrictEqual([]);
  });
});
