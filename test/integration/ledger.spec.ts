import { beforeEach, describe, expect, it } from '@jest/globals';
import type { Run } from '#jobs/attempt-store.js';
import { attemptId } from '#contracts/queue-payloads.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { fourRules, reserving, standing } from './support/budgets.js';
import { hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
const BACKLOG = 1_000_000;
const HOT_MS = 120_000;
const LARGE = 'x'.repeat(100_000);

interface Entry {
  job: string;
  project: string;
  key: string;
  late: boolean;
  attempt: Record<string, unknown> | null;
  ended: { state: string } | null;
}

const kept = (options: NewJobOptions = {}): NewJob =>
  newJob({ historyBytes: BACKLOG, retainMs: HOT_MS, request: { messages: ['the prompt'] }, ...options });

async function entries(): Promise<Entry[]> {
  const found = await fixture.redis.xrange(keys.ledger(), '-', '+');
  return found.map(([, [, entry]]) => JSON.parse(entry ?? '') as Entry);
}

async function complete(job: NewJob, attempt = 1): Promise<void> {
  const run = runOf(job, 'run', attempt);
  await fixture.begin(run);
  await expect(fixture.attempts.finish(run, outcomeOf('completed', attempt))).resolves.toBe('committed');
}

describe('the ledger', () => {
  let job: NewJob;

  const crash = (attempt: number, nth: number): object => ({
    id: `${attemptId(answerCallId(job.id), attempt)}.crash-${nth}`,
    ...{ model: 'small', provider: 'acme', state: 'failed', errorClass: 'worker_crash', usage: null, costNano: 0 },
  });

  beforeEach(async () => {
    job = kept();
    await fixture.store.create(job);
  });

  it('gets the end of a job and its attempt in one entry, figures without texts', async () => {
    await complete(job);
    const [entry, ...others] = await entries();
    expect(others).toHaveLength(0);
    expect(entry).toMatchObject({
      job: job.id,
      project: 'default',
      key: 'ci',
      late: false,
      ended: { state: 'completed' },
    });
    expect(entry?.attempt).toMatchObject({
      ...{
        id: attemptId(answerCallId(job.id), 1),
        model: 'small',
        provider: 'acme',
        state: 'completed',
        errorClass: null,
      },
      ...{ costNano: 1_234, waitedMs: 1, ttftMs: null, durationMs: 2, usageEstimated: false },
      usage: { inputTokens: 7, outputTokens: 3, cachedInputTokens: 2, cacheWriteInputTokens: 4, reasoningTokens: 1 },
    });
  });

  it('gets a failed attempt with its class, and none of what the provider said', async () => {
    await fixture.begin(runOf(job, 'run'));
    await fixture.attempts.advance(runOf(job, 'run'), hop(1));
    const [entry] = await entries();
    expect(entry).toMatchObject({ ended: null, attempt: { state: 'failed', errorClass: 'transient' } });
    expect(JSON.stringify(entry)).not.toContain('It failed.');
  });

  it('gets of a run that has been taken over that it crashed, and nothing from itself', async () => {
    await fixture.begin(runOf(job, 'old'));
    await fixture.begin(runOf(job, 'new'));
    await expect(fixture.attempts.finish(runOf(job, 'old'), outcomeOf('completed'))).resolves.toBe('refused');
    await expect(entries()).resolves.toMatchObject([{ late: false, ended: null, attempt: crash(1, 1) }]);
  });

  it('gets each of the runs that crashed, by an id of its own, and those that were never begun not', async () => {
    for (const run of ['a', 'b', 'c']) await fixture.begin(runOf(job, run));
    await fixture.unfinished.requeue({ jobId: job.id, callId: answerCallId(job.id), attempt: 1 }, 'lost');
    await fixture.unfinished.requeue({ jobId: job.id, callId: answerCallId(job.id), attempt: 2 }, 'lost');
    await complete(job, 3);
    await expect(entries()).resolves.toMatchObject([
      ...[crash(1, 1), crash(1, 2), crash(1, 3)].map((attempt) => ({ attempt, ended: null })),
      { attempt: { id: attemptId(answerCallId(job.id), 3), state: 'completed' }, ended: { state: 'completed' } },
    ]);
  });

  it.each<[string, (run: Run) => Promise<unknown>, object]>([
    ['answers', (run) => fixture.attempts.finish(run, outcomeOf('completed')), { state: 'completed' }],
    ['fails', (run) => fixture.attempts.advance(run, hop(1)), { state: 'failed', errorClass: 'transient' }],
  ])('gets what a run spends that %s after its job has expired, once', async (_what, late, attempt) => {
    const rules = fourRules(9_000);
    const spender = kept(reserving(5_000, rules));
    await fixture.store.create(spender);
    await fixture.begin(runOf(spender, 'run'));
    await fixture.redis.hset(keys.job(spender.id), 'deadline', Date.now() - 60_000);
    await expect(fixture.unfinished.look(spender.id)).resolves.toStrictEqual({ kind: 'ended', state: 'expired' });
    for (let i = 0; i < 2; i++) await late(runOf(spender, 'run'));
    await expect(entries()).resolves.toMatchObject([
      { late: false, attempt: null, ended: { state: 'expired' } },
      { late: true, attempt: { ...attempt, costNano: 1_234 }, ended: null },
    ]);
    const record = await fixture.store.read(spender.id);
    expect(record).toMatchObject({ state: 'expired', result: null, costNano: 1_234, attempts: [{ n: 1 }] });
    await expect(standing(fixture, rules)).resolves.toStrictEqual({ reserved: 0, spent: 1_234 });
  });

  it('gets the end of a job that was cancelled before anything ran', async () => {
    await fixture.store.cancel(job.id);
    await expect(entries()).resolves.toMatchObject([{ attempt: null, ended: { state: 'cancelled' } }]);
  });

  it('gets of a synchronous job its attempts alone, and its record goes by itself', async () => {
    const synchronous = unkept({ historyBytes: BACKLOG });
    await fixture.store.create(synchronous);
    await complete(synchronous);
    await expect(entries()).resolves.toMatchObject([
      { job: synchronous.id, attempt: { id: attemptId(answerCallId(synchronous.id), 1) }, ended: null },
    ]);
    await expect(fixture.redis.pttl(keys.job(synchronous.id))).resolves.toBeGreaterThan(0);
  });

  it('gets nothing where no history is kept', async () => {
    const other = newJob();
    await fixture.store.create(other);
    await complete(other);
    await expect(entries()).resolves.toHaveLength(0);
    await expect(fixture.redis.pttl(keys.job(other.id))).resolves.toBeGreaterThan(0);
  });
});

describe('a finished record', () => {
  it('stays until it is recorded, then for the hot window', async () => {
    const job = kept({ idempotency: { key: keys.idempotency('default', 'jobs', 'x'), fingerprint: 'f' } });
    await fixture.store.create(job);
    await complete(job);
    const own = [keys.job(job.id), keys.call(answerCallId(job.id)), keys.events(job.id)];
    await expect(Promise.all(own.map((key) => fixture.redis.pttl(key)))).resolves.toStrictEqual([-1, -1, -1]);
    await fixture.store.release([job.id]);
    for (const key of own) {
      const ttl = await fixture.redis.pttl(key);
      expect(ttl).toBeGreaterThan(0);
      expect(ttl).toBeLessThanOrEqual(HOT_MS);
    }
    const replay = await fixture.redis.pttl(keys.idempotency('default', 'jobs', 'x'));
    expect(replay).toBeGreaterThan(86_000_000);
    await expect(fixture.redis.zcard(keys.projectJobs('default'))).resolves.toBe(0);
  });

  it.each<[string, NewJobOptions]>([
    ['prompt', { request: { messages: [LARGE] } }],
    ['metadata', { metadata: { note: LARGE } }],
    ['webhook', { hooks: [{ events: [], url: LARGE, endpoint: null }] }],
  ])('that waits is counted whole, also where its %s is the large part of it', async (_part, options) => {
    const job = kept(options);
    await fixture.store.create(job);
    await complete(job);
    expect(Number(await fixture.redis.get(keys.ledgerWaiting()))).toBeGreaterThan(LARGE.length);
  });

  it('that waits is counted in bytes, until it is recorded or erased', async () => {
    const jobs = [kept(), kept()];
    for (const job of jobs) {
      await fixture.store.create(job);
      await complete(job);
    }
    expect(Number(await fixture.redis.get(keys.ledgerWaiting()))).toBeGreaterThan(500);
    await fixture.store.release([jobs[0]?.id ?? '']);
    await fixture.store.release([jobs[0]?.id ?? '']);
    await fixture.store.delete(jobs[1]?.id ?? '', 'default');
    await expect(fixture.redis.get(keys.ledgerWaiting())).resolves.toBe('0');
    await fixture.store.release([jobs[1]?.id ?? '']);
    await expect(fixture.redis.get(keys.ledgerWaiting())).resolves.toBe('0');
    await expect(fixture.redis.exists(keys.job(jobs[1]?.id ?? ''))).resolves.toBe(0);
  });

  it('of synchronous calls alone the ledger reaches the bound too', async () => {
    const bound = { historyBytes: 2_000 };
    for (let i = 0; i < 5; i++) {
      const synchronous = unkept(bound);
      await expect(fixture.store.create(synchronous)).resolves.toMatchObject({ kind: 'created' });
      await complete(synchronous);
    }
    await expect(fixture.store.create(unkept(bound))).resolves.toStrictEqual({ kind: 'full' });
    await fixture.redis.del(keys.ledger());
    await expect(fixture.store.create(unkept(bound))).resolves.toMatchObject({ kind: 'created' });
  });

  it('ends with its hot window', async () => {
    const job = kept({ retainMs: 300 });
    await fixture.store.create(job);
    await complete(job);
    await fixture.store.release([job.id]);
    const own = [keys.job(job.id), keys.call(answerCallId(job.id)), keys.events(job.id)];
    await waitFor(async () => (await fixture.redis.exists(...own)) === 0, { describe: 'the hot window to end' });
    await expect(fixture.store.read(job.id)).resolves.toBeNull();
  });

  it('at the bound refuses creation and nothing else', async () => {
    const [running, first] = [kept({ historyBytes: 2_000 }), kept({ historyBytes: 2_000 })];
    const once = { idempotency: { key: keys.idempotency('default', 'jobs', 'y'), fingerprint: 'f' } };
    const replayed = kept({ historyBytes: 2_000, ...once });
    for (const job of [running, first, replayed]) await fixture.store.create(job);
    await complete(first);
    await fixture.store.cancel(replayed.id);
    const before = await fixture.snapshot();
    await expect(fixture.store.create(kept({ historyBytes: 2_000 }))).resolves.toStrictEqual({ kind: 'full' });
    await expect(fixture.snapshot()).resolves.toStrictEqual(before);
    await expect(fixture.store.create(kept({ historyBytes: 2_000, ...once }))).resolves.toMatchObject({
      kind: 'replayed',
    });
    await complete(running);
    await expect(entries()).resolves.toHaveLength(3);
  });
});
