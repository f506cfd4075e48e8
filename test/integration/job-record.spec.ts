import { describe, expect, it } from '@jest/globals';
import { TERMINAL_STATES, type TerminalState } from '#contracts/job-state.js';
import { NO_USAGE } from '#contracts/usage.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { JobStore } from '#jobs/job-store.js';
import { KeptJobs } from '#history/kept-jobs.js';
import type { FindOptions } from '#jobs/job-finder.js';
import { JobLists } from '#jobs/job-lists.js';
import type { JobPage } from '#jobs/job-page.js';
import { keys } from '#platform/keys.js';
import { delta, hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { payloadOf, read } from './support/worker-rig.js';

const fixture = new RedisFixture();

const idempotency = (key: string, fingerprint: string): NonNullable<NewJob['idempotency']> => ({
  key: keys.idempotency('default', 'jobs', key),
  fingerprint,
});

async function create(options: NewJobOptions = {}): Promise<NewJob> {
  const job = newJob(options);
  await fixture.store.create(job);
  return job;
}

/** Through begin and finish, so that run `r1` of attempt 1 is the current one. */
async function finish(job: NewJob, state: TerminalState): Promise<void> {
  await fixture.begin(runOf(job, 'r1'));
  expect(await fixture.attempts.finish(runOf(job, 'r1'), outcomeOf(state))).toBe('committed');
}

/** All but the order of the pool, which stays. */
const keysOfJobs = async (): Promise<string[]> =>
  (await fixture.redis.keys('*')).filter((key) => key !== keys.poolOrder('acme') && key !== keys.jobLists());

const list = (options: FindOptions): Promise<JobPage> =>
  new KeptJobs({ store: fixture.store, history: null, free: (key) => fixture.redis.del(key) }).list('default', options);

describe('creating', () => {
  it('writes record, call, event, index and reconciler entry together', async () => {
    const job = newJob({ metadata: { run: 'eval-7' }, priority: 'low', idempotency: idempotency('k', 'f') });
    expect(await fixture.store.create(job)).toEqual({ kind: 'created', turn: 16, levels: [] });
    expect((await fixture.redis.keys('*')).toSorted()).toEqual(
      [
        keys.job(job.id),
        keys.call(answerCallId(job.id)),
        keys.events(job.id),
        keys.unfinished(),
        keys.projectJobs('default'),
        keys.jobLists(),
        keys.idempotency('default', 'jobs', 'k'),
      ].toSorted(),
    );
    expect(await fixture.store.read(job.id)).toMatchObject({
      id: job.id,
      state: 'queued',
      priority: 'low',
      createdAt: job.createdAt,
      deadline: job.deadline,
      metadata: { run: 'eval-7' },
      decision: job.decision,
      startedAt: null,
      result: null,
      error: null,
      attempts: [],
      waiting: { attempt: 1, pool: 'acme' },
    });
  });

  it('writes nothing when Redis is full', async () => {
    const job = newJob({ idempotency: idempotency('k', 'f') });
    await fixture.redis.config('SET', 'maxmemory', '1');
    try {
      await expect(fixture.store.create(job)).rejects.toThrow('OOM');
      await expect(fixture.store.create(newJob())).rejects.toThrow('OOM');
    } finally {
      await fixture.redis.config('SET', 'maxmemory', '0');
    }
    expect(await fixture.redis.keys('*')).toEqual([]);
    expect(await fixture.store.create(job)).toEqual({ kind: 'created', turn: 4, levels: [] });
  });

  it('under a used idempotency key answers with the job of then and writes nothing', async () => {
    const job = await create({ idempotency: idempotency('k', 'same') });
    const before = await fixture.snapshot();
    expect(await fixture.store.create(newJob({ idempotency: idempotency('k', 'same') }))).toEqual({
      kind: 'replayed',
      jobId: job.id,
      levels: [],
    });
    expect(await fixture.store.create(newJob({ idempotency: idempotency('k', 'other') }))).toEqual({
      kind: 'conflict',
    });
    expect(await fixture.snapshot()).toEqual(before);
    expect(await fixture.store.findByIdempotencyKey(keys.idempotency('default', 'jobs', 'k'))).toEqual({
      jobId: job.id,
      fingerprint: 'same',
    });
  });

  it('under a used idempotency key goes on answering with that job after it has ended', async () => {
    const job = await create({ idempotency: idempotency('k', 'same') });
    await finish(job, 'failed');
    const again = await fixture.store.create(newJob({ idempotency: idempotency('k', 'same') }));
    expect(again).toEqual({ kind: 'replayed', jobId: job.id, levels: [] });
  });

  it('fifty times at once under one idempotency key makes one job', async () => {
    const stores = Array.from({ length: 5 }, () => new JobStore(fixture.connect()));
    const jobs = Array.from({ length: 50 }, () => newJob({ idempotency: idempotency('k', 'same') }));
    const outcomes = await Promise.all(jobs.map((job, i) => (stores[i % 5] ?? fixture.store).create(job)));
    const winner = jobs[outcomes.findIndex(({ kind }) => kind === 'created')];
    expect(outcomes.filter(({ kind }) => kind === 'created')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome.kind === 'replayed' && outcome.jobId === winner?.id)).toHaveLength(49);
    expect(await fixture.redis.keys(keys.job('*'))).toEqual([keys.job(winner?.id ?? '')]);
    expect(await fixture.redis.zcard(keys.unfinished())).toBe(1);
    expect(await fixture.redis.zcard(keys.projectJobs('default'))).toBe(1);
  });
});

describe('retention', () => {
  /** Milliseconds to live, rounded up to whole minutes so that the test's own time does not matter; -1: for ever. */
  const minutesToLive = async (key: string): Promise<number> => {
    const ms = await fixture.redis.pttl(key);
    return ms < 0 ? ms : Math.ceil(ms / 60_000);
  };

  it('keeps an unfinished job for ever, and its idempotency key past its deadline', async () => {
    const job = await create({ idempotency: idempotency('k', 'f') });
    await fixture.begin(runOf(job, 'r1'));
    for (const key of [keys.job(job.id), keys.call(answerCallId(job.id)), keys.events(job.id)]) {
      expect(await minutesToLive(key)).toBe(-1);
    }
    expect(await minutesToLive(keys.idempotency('default', 'jobs', 'k'))).toBe(60 + 24 * 60);
  });

  it('keeps every key of a finished asynchronous job for its retention, from its end', async () => {
    const job = await create({ idempotency: idempotency('k', 'f') });
    await finish(job, 'completed');
    const all = (await keysOfJobs()).filter((key) => key !== keys.projectJobs('default'));
    expect(all.toSorted()).toEqual(
      [
        keys.job(job.id),
        keys.call(answerCallId(job.id)),
        keys.events(job.id),
        keys.idempotency('default', 'jobs', 'k'),
      ].toSorted(),
    );
    for (const key of all) expect(await minutesToLive(key)).toBe(24 * 60);
    expect((await list({ after: null, limit: 10 })).records).toHaveLength(1);
  });

  it.each([
    ['nobody reads', {}],
    ['a process reads', { reader: 'api-1', syncStream: true }],
  ])('keeps a finished synchronous job that %s for a minute, and not in the list', async (_case, options) => {
    const job = unkept(options);
    await fixture.store.create(job);
    await finish(job, 'completed');
    for (const key of await keysOfJobs()) expect(await minutesToLive(key)).toBe(1);
    expect(await fixture.store.read(job.id)).toMatchObject({ state: 'completed', result: '{"answer":42}' });
    expect((await list({ after: null, limit: 10 })).records).toEqual([]);
  });

  it.each(['cancel', 'expire'])('lets every key of a job that ended by %s expire', async (how) => {
    const job = await create({ deadline: how === 'expire' ? Date.now() - 1 : Date.now() + 60_000 });
    if (how === 'cancel') await fixture.store.cancel(job.id);
    else await fixture.unfinished.look(job.id);
    for (const key of [keys.job(job.id), keys.call(answerCallId(job.id)), keys.events(job.id)]) {
      expect(await minutesToLive(key)).toBe(24 * 60);
    }
    expect(await fixture.redis.exists(keys.unfinished())).toBe(0);
  });
});

describe('a terminal state is never left', () => {
  const verbs: Record<string, (job: NewJob) => Promise<unknown>> = {
    begin: (job) => fixture.begin(runOf(job, 'r2')),
    'begin by the run that ended it': (job) => fixture.begin(runOf(job, 'r1')),
    emit: (job) => fixture.attempts.emit(runOf(job, 'r1'), delta(1, 'late')),
    advance: (job) => fixture.attempts.advance(runOf(job, 'r1'), hop(1)),
    'finish as completed': (job) => fixture.attempts.finish(runOf(job, 'r1'), outcomeOf('completed')),
    'finish as failed': (job) => fixture.attempts.finish(runOf(job, 'r1'), outcomeOf('failed')),
    cancel: (job) => fixture.store.cancel(job.id),
    look: (job) => fixture.unfinished.look(job.id),
    requeue: (job) => fixture.unfinished.requeue(payloadOf(job, 1), 'lost'),
    'watch its end': (job) => fixture.store.watch(job.id, 'api-9', 'waiters'),
    'watch its events': (job) => fixture.store.watch(job.id, 'api-9', 'readers'),
  };
  const expected = (state: TerminalState): Record<string, unknown> => ({
    begin: { kind: 'finished', state },
    'begin by the run that ended it': { kind: 'finished', state },
    emit: 'refused',
    advance: { kind: 'finished', state },
    'finish as completed': 'refused',
    'finish as failed': 'refused',
    cancel: 'finished',
    look: { kind: 'gone' },
    requeue: null,
    'watch its end': state,
    'watch its events': state,
  });

  it.each(TERMINAL_STATES)('by any verb: %s', async (state) => {
    const job = await create();
    await finish(job, state);
    const before = await fixture.snapshot();
    const replies: Record<string, unknown> = {};
    for (const [verb, act] of Object.entries(verbs)) {
      replies[verb] = await act(job);
      expect([verb, await fixture.snapshot()]).toEqual([verb, before]);
    }
    expect(replies).toEqual(expected(state));
  });

  it('whichever of fifty enders comes first, there is one end event and one end', async () => {
    const job = await create();
    await fixture.begin(runOf(job, 'r1'));
    const states = Array.from({ length: 50 }, (_, i) => TERMINAL_STATES[i % 4] ?? 'failed');
    const replies = await Promise.all(
      states.map((state) => fixture.attempts.finish(runOf(job, 'r1'), outcomeOf(state))),
    );
    expect(replies.filter((reply) => reply === 'committed')).toHaveLength(1);
    const events = await fixture.redis.xrange(keys.events(job.id), '-', '+');
    const types = events.map(([, fields]) => fields[1]);
    expect(types).toEqual(['job.queued', 'job.started', 'attempt.started', `job.${states[0] ?? ''}`]);
    const record = await read(fixture, job);
    expect([record.attempts.length, record.costNano, record.usage.inputTokens]).toEqual([1, 1_234, 7]);
  });
});

describe('usage', () => {
  it('is summed over the attempts that were hopped from and the one that ended the job', async () => {
    const job = await create();
    await fixture.begin(runOf(job, 'r1'));
    await fixture.attempts.advance(runOf(job, 'r1'), hop(1));
    await fixture.begin(runOf(job, 'r2', 2));
    await fixture.attempts.finish(runOf(job, 'r2', 2), outcomeOf('completed', 2));
    expect(await read(fixture, job)).toMatchObject({
      usage: { inputTokens: 14, outputTokens: 6, cachedInputTokens: 4, cacheWriteInputTokens: 8, reasoningTokens: 2 },
      costNano: 2_468,
    });
  });

  it('goes on in a record that was begun before cache writes were counted', async () => {
    const job = await create();
    await fixture.begin(runOf(job, 'r1'));
    await fixture.attempts.advance(runOf(job, 'r1'), hop(1));
    const { cacheWriteInputTokens, ...usage } = { ...NO_USAGE, inputTokens: 7, outputTokens: 3 };
    await fixture.redis.hset(keys.job(job.id), 'totals', '1 7 3 2 1 1234');
    await fixture.redis.hset(keys.call(answerCallId(job.id)), 'attempt:1', JSON.stringify({ n: 1, usage }));
    const before = await read(fixture, job);
    expect([before.usage.cacheWriteInputTokens, before.attempts[0]?.usage?.cacheWriteInputTokens]).toEqual([0, 0]);

    await fixture.begin(runOf(job, 'r2', 2));
    expect(await fixture.attempts.finish(runOf(job, 'r2', 2), outcomeOf('completed', 2))).toBe('committed');
    expect(await read(fixture, job)).toMatchObject({
      usage: { inputTokens: 14, outputTokens: 6, cachedInputTokens: 4, cacheWriteInputTokens: 4, reasoningTokens: 2 },
      costNano: 2_468,
    });
  });
});

it('a record is read whole up to so many bytes of its result, and brief beyond', async () => {
  const job = await create();
  await finish(job, 'completed');
  const whole = await fixture.store.read(job.id);
  const bytes = Buffer.byteLength(whole?.result ?? '');
  expect(await fixture.store.readUpTo(job.id, bytes)).toEqual(whole);
  expect(await fixture.store.readUpTo(job.id, bytes - 1)).toEqual({
    ...whole,
    result: null,
    attempts: [],
    brief: true,
  });
  expect(await fixture.store.readUpTo(`${job.id}x`, 0)).toBeNull();
});

describe('the list', () => {
  /** What a client's cursor says of a job: the id, and the time that is in it. */
  const createdAtOf = new Map<string, number>();
  const ids = async (cursor: string | null, limit: number): Promise<{ ids: string[]; hasMore: boolean }> => {
    const after = cursor === null ? null : { id: cursor, createdAt: createdAtOf.get(cursor) ?? 0 };
    const page = await list({ after, limit });
    return { ids: page.records.map(({ id }) => id), hasMore: page.hasMore };
  };

  it('is newest first, in pages that meet without overlap, and of one project', async () => {
    const now = Date.now();
    const made: string[] = [];
    for (let i = 0; i < 7; i++) made.push((await create({ createdAt: now + i })).id);
    await create({ project: 'other', createdAt: now + 3 });
    const newest = made.toReversed();
    expect(await ids(null, 3)).toEqual({ ids: newest.slice(0, 3), hasMore: true });
    expect(await ids(newest[2] ?? '', 3)).toEqual({ ids: newest.slice(3, 6), hasMore: true });
    expect(await ids(newest[5] ?? '', 3)).toEqual({ ids: newest.slice(6), hasMore: false });
    expect(await ids(null, 7)).toEqual({ ids: newest, hasMore: false });
  });

  it('goes on at the same place when the last job of a page is gone by then, also among jobs of one millisecond', async () => {
    const now = Date.now();
    const made: string[] = [];
    for (let i = 0; i < 6; i++) {
      const createdAt = now + Math.floor(i / 3);
      const { id } = await create({ createdAt });
      createdAtOf.set(id, createdAt);
      made.push(id);
    }
    const newest = [made.slice(3), made.slice(0, 3)].flatMap((sameTime) => sameTime.toSorted().toReversed());
    for (const cursor of newest.slice(0, 5)) {
      const rest = (await ids(cursor, 10)).ids;
      await fixture.redis.zrem(keys.projectJobs('default'), cursor);
      expect((await ids(cursor, 10)).ids).toEqual(rest);
      await fixture.redis.zadd(keys.projectJobs('default'), createdAtOf.get(cursor) ?? 0, cursor);
    }
    expect((await ids(newest[0] ?? '', 10)).ids).toEqual(newest.slice(1));
  });

  it('passes over entries whose record has expired, and drops them', async () => {
    const now = Date.now();
    const made: string[] = [];
    for (let i = 0; i < 9; i++) made.push((await create({ createdAt: now + i })).id);
    const gone = [made[8], made[7], made[5], made[2]].map((id) => keys.job(id ?? ''));
    await fixture.redis.del(...gone);
    expect(await ids(null, 2)).toEqual({ ids: [made[6], made[4]], hasMore: true });
    expect(await ids(null, 9)).toEqual({ ids: [made[6], made[4], made[3], made[1], made[0]], hasMore: false });
    expect(await fixture.redis.zcard(keys.projectJobs('default'))).toBe(5);
  });
});

describe('the list of a project', () => {
  it('is swept of jobs whose records have expired, and of no others', async () => {
    const lists = new JobLists(fixture.redis);
    const kept = newJob();
    const expired = Array.from({ length: 30 }, () => newJob());
    for (const job of [kept, ...expired]) await fixture.store.create(job);
    for (const job of expired) await fixture.redis.del(keys.job(job.id));
    expect(await lists.sweep('default')).toBe(30);
    expect(await lists.sweep('default')).toBe(0);
    expect(await fixture.redis.zrange(keys.projectJobs('default'), 0, '-1')).toEqual([kept.id]);
    expect(await lists.sweep('unknown')).toBe(0);
  });
});

describe('deleting', () => {
  it('refuses an unfinished job and one that does not exist, and changes nothing then', async () => {
    const queued = await create();
    const running = await create();
    await fixture.begin(runOf(running, 'r1'));
    const before = await fixture.snapshot();
    expect(await fixture.store.delete(queued.id, queued.project)).toBe('unfinished');
    expect(await fixture.store.delete(running.id, running.project)).toBe('unfinished');
    expect(await fixture.store.delete('job_unknown', 'default')).toBe('missing');
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('erases record, call, events, list entry and idempotency key', async () => {
    const job = await create({ idempotency: idempotency('k', 'f') });
    await finish(job, 'completed');
    expect(await fixture.store.delete(job.id, job.project)).toBe('deleted');
    expect(await keysOfJobs()).toEqual([]);
    expect(await fixture.store.delete(job.id, job.project)).toBe('missing');
    expect(await fixture.store.create(newJob({ idempotency: idempotency('k', 'another') }))).toMatchObject({
      kind: 'created',
    });
  });

  it('leaves no key behind, however the jobs were made and ended', async () => {
    const shapes: NewJobOptions[] = [
      {},
      { idempotency: idempotency('a', 'f') },
      { idempotency: idempotency('b', 'f'), reader: 'api-1', syncStream: true },
      { keep: false, owner: 'api-1', waiter: 'api-1' },
      { keep: false, owner: 'api-1', reader: 'api-1', syncStream: true },
      { notBefore: Date.now() + 1_000, project: 'other' },
    ];
    const ends: ((job: NewJob) => Promise<unknown>)[] = [
      ...TERMINAL_STATES.map((state) => (job: NewJob) => finish(job, state)),
      (job) => fixture.store.cancel(job.id),
      async (job) => {
        await fixture.begin(runOf(job, 'r1'));
        await fixture.attempts.emit(runOf(job, 'r1'), delta(1, 'a'));
        await fixture.attempts.advance(runOf(job, 'r1'), hop(1));
        await fixture.store.watch(job.id, 'api-2', 'readers');
        await fixture.begin(runOf(job, 'r2', 2));
        await fixture.attempts.finish(runOf(job, 'r2', 2), outcomeOf('completed', 2));
      },
    ];
    for (const [i, end] of ends.entries()) {
      for (const shape of shapes) {
        const named = shape.idempotency && { idempotency: idempotency(`${shape.idempotency.key}${i}`, 'f') };
        const job = await create({ ...shape, ...named });
        await end(job);
        expect(await fixture.store.delete(job.id, job.project)).toBe('deleted');
      }
    }
    expect(await keysOfJobs()).toEqual([]);
  });
});

it('every key carries the one hash tag, so that a cluster keeps them in one slot', async () => {
  const job = await create({ idempotency: idempotency('k', 'f') });
  await fixture.queues.enqueue(payloadOf(job), { pool: 'acme/llama3:8b' });
  await fixture.queues.configure('acme/llama3:8b', { concurrency: 3 });
  await finish(job, 'completed');
  const second = await create();
  await fixture.queues.enqueue(payloadOf(second), { pool: 'acme', delayMs: 60_000 });
  const all = await fixture.redis.keys('*');
  expect(all.length).toBeGreaterThan(8);
  expect(all.filter((key) => !key.startsWith('{th}:'))).toEqual([]);
});
