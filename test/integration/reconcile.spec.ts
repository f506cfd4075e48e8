import { describe, expect, it } from '@jest/globals';
import type { AttemptPayload, AttemptResult } from '#contracts/queue-payloads.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { startPoolWorker } from '#queues/pool-worker.js';
import { waitFor } from '#testing/wait-for.js';
import { delta, newJob, runOf, unkept } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers, fails, Gate, hangs } from './support/turns.js';
import {
  ended,
  makeDue,
  pass,
  read,
  ScriptedAdapter,
  startWorkerRig,
  submit,
  payloadOf,
} from './support/worker-rig.js';

const fixture = new RedisFixture();

const MINUTE_MS = 60_000;

async function create(job = newJob()): Promise<NewJob> {
  await fixture.store.create(job);
  return job;
}

const queue = () => fixture.queues.queueOf('acme');
const callOf = (job: NewJob, field: string) => fixture.redis.hget(keys.call(answerCallId(job.id)), field);

/** Makes the jobs due and passes once. */
async function passOver(...jobs: NewJob[]): ReturnType<typeof pass> {
  for (const job of jobs) await makeDue(fixture, job);
  return pass(fixture);
}

describe('a job that its queue has lost', () => {
  it('is enqueued with the next number and completes: created, but never enqueued', async () => {
    const adapter = new ScriptedAdapter([answers('found')]);
    const job = await create();
    expect(await passOver(job)).toMatchObject({ looked: 1, requeued: 1 });
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, job);
    expect(record.state).toBe('completed');
    expect(record.attempts.map(({ n }) => n)).toEqual([2]);
    expect(adapter.calls).toHaveLength(1);
  });

  it('is enqueued with the next number, whatever its queue lost: all queues were emptied', async () => {
    const adapter = new ScriptedAdapter([answers('found')]);
    const jobs: NewJob[] = [];
    for (let i = 0; i < 5; i++) jobs.push(await submit(fixture, newJob()));
    await queue().obliterate({ force: true });
    expect(await passOver(...jobs)).toMatchObject({ looked: 5, requeued: 5 });
    expect(await queue().getJob(`${answerCallId(jobs[0]?.id ?? '')}.2`)).toBeDefined();
    await startWorkerRig(fixture, { adapter });
    for (const job of jobs) expect((await ended(fixture, job)).state).toBe('completed');
    expect(adapter.calls).toHaveLength(5);
  });

  it('keeps its candidate, its attempts used and its tries', async () => {
    const adapter = new ScriptedAdapter([fails('provider_fault'), fails('transient'), hangs]);
    const rig = await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob());
    await waitFor(() => adapter.calls.length === 3, { describe: 'the third call' });
    const before = {
      used: await callOf(job, 'used'),
      tries: await callOf(job, 'tries'),
      index: await callOf(job, 'index'),
    };
    expect(before).toEqual({ used: '2', tries: '1', index: '1' });
    // The worker goes away without a word, and the queue loses what it ran.
    rig.running.stop(job.id, 'lock_lost');
    await rig.supervisor.close();
    await queue().obliterate({ force: true });
    expect(await passOver(job)).toMatchObject({ requeued: 1 });
    expect({
      used: await callOf(job, 'used'),
      tries: await callOf(job, 'tries'),
      index: await callOf(job, 'index'),
    }).toEqual(before);
    expect(await callOf(job, 'attempt')).toBe('4');
    expect(await callOf(job, 'crashes')).toBe('1');
  });

  it('leaves its old attempt powerless: should it turn up after all, it runs nothing', async () => {
    const job = await create();
    await fixture.begin(runOf(job, 'old'));
    await passOver(job);
    expect(await fixture.attempts.emit(runOf(job, 'old'), delta(1, 'x'))).toBe('refused');
    expect(await fixture.begin(runOf(job, 'again'))).toMatchObject({ kind: 'superseded', attempt: 2 });
  });

  it('while it streamed asynchronously: what was streamed is void; synchronously: it ends as interrupted', async () => {
    const later = await create(newJob({ plan: { stream: true } }));
    const stream = await create(unkept({ owner: null, reader: 'api-1', syncStream: true }));
    for (const job of [later, stream]) {
      await fixture.begin(runOf(job, 'a'));
      await fixture.attempts.emit(runOf(job, 'a'), delta(1, 'half'));
    }
    await passOver(later, stream);
    const events = await fixture.redis.xrange(keys.events(later.id), '-', '+');
    expect(events.at(-1)?.[1].slice(1)).toEqual(['output.reset', 'data', '{"attempt":2,"reason":"worker_crash"}']);
    expect(await read(fixture, stream)).toMatchObject({ state: 'failed', error: { code: 'stream_interrupted' } });
  });

  it('is enqueued again should the reconciler die between opening the number and enqueuing it', async () => {
    const job = await create();
    expect(await fixture.unfinished.requeue(payloadOf(job, 1), 'lost')).toBe(2);
    expect(await passOver(job)).toMatchObject({ requeued: 1 });
    expect(await queue().getJobState(`${answerCallId(job.id)}.3`)).toBe('prioritized');
  });

  it('by two reconcilers at once is given one number', async () => {
    const job = await create();
    const opened = await Promise.all([1, 2, 3].map(() => fixture.unfinished.requeue(payloadOf(job, 1), 'lost')));
    expect(opened.filter((attempt) => attempt !== null)).toEqual([2]);
    expect(await callOf(job, 'attempt')).toBe('2');
  });
});

describe('a live job', () => {
  it('is left alone, whether it waits, is delayed or runs', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    await startWorkerRig(fixture, { adapter, concurrency: 1 });
    const running = await submit(fixture, newJob());
    await waitFor(() => gate.waiting === 1, { describe: 'the call' });
    const waiting = await submit(fixture, newJob());
    const delayed = await submit(fixture, newJob({ notBefore: Date.now() + 60_000 }));
    expect(await passOver(running, waiting, delayed)).toEqual({ looked: 3, ended: 0, requeued: 0, troubled: 0 });
    for (const job of [running, waiting, delayed]) expect(await callOf(job, 'attempt')).toBe('1');
    gate.open();
    await waitFor(() => gate.waiting === 1, { describe: 'the second call' });
    gate.open();
    expect((await ended(fixture, waiting)).attempts).toHaveLength(1);
    expect(adapter.calls).toHaveLength(2);
  });

  it('is looked at only when its time has come, first a quarter of a minute after its creation', async () => {
    const job = await create();
    expect(Number(await fixture.redis.zscore(keys.unfinished(), job.id)) - job.createdAt).toBe(15_000);
    expect(await pass(fixture)).toMatchObject({ looked: 0 });
  });

  it.each([
    ['new', 0, 15_000],
    ['an hour old', 60 * MINUTE_MS, 6 * MINUTE_MS],
    ['a week old', 7 * 24 * 60 * MINUTE_MS, 10 * MINUTE_MS],
  ])('that is %s is looked at again after a tenth of its age, within bounds', async (_age, ageMs, intervalMs) => {
    const job = await create(newJob({ createdAt: Date.now() - ageMs, deadline: Date.now() + 24 * 60 * MINUTE_MS }));
    await fixture.unfinished.look(job.id);
    const interval = Number(await fixture.redis.zscore(keys.unfinished(), job.id)) - Date.now();
    expect(Math.abs(interval - intervalMs)).toBeLessThan(2_000);
  });

  it('is looked at no later than at its deadline', async () => {
    const job = await create(newJob({ deadline: Date.now() + 5_000 }));
    await fixture.unfinished.look(job.id);
    expect(Number(await fixture.redis.zscore(keys.unfinished(), job.id))).toBe(job.deadline);
  });

  it('that ended or was deleted meanwhile is forgotten', async () => {
    const job = await create();
    await fixture.store.cancel(job.id);
    await fixture.redis.zadd(keys.unfinished(), 0, job.id, 0, 'job_unknown');
    expect(await pass(fixture)).toEqual({ looked: 2, ended: 0, requeued: 0, troubled: 0 });
    expect(await fixture.redis.exists(keys.unfinished())).toBe(0);
  });
});

describe('an attempt that failed inside BullMQ', () => {
  /** A pool worker whose processor is broken the first `times` it is asked. */
  async function startBrokenWorker(
    brokenTimes: number,
    before: (payload: AttemptPayload, run: string) => Promise<unknown>,
  ) {
    const adapter = new ScriptedAdapter([answers('at last')]);
    const { runAttempt } = await startWorkerRig(fixture, { adapter, pools: false });
    const asked: number[] = [];
    const worker = startPoolWorker({
      pool: 'acme',
      redis: fixture.redis,
      concurrency: 1,
      process: async (payload, taken): Promise<AttemptResult> => {
        asked.push(payload.attempt);
        if (asked.length > brokenTimes) return runAttempt.run(payload, taken);
        await before(payload, taken.run);
        throw new Error('broken');
      },
      onError: fixture.onError,
    });
    fixture.after(() => worker.close());
    return { asked, adapter };
  }

  const failed = (n: number) =>
    waitFor(async () => (await queue().getFailedCount()) === n, { describe: `${n} failed` });
  const beginIt = (payload: AttemptPayload, run: string) => fixture.begin({ ...payload, run });
  const doNothing = () => Promise.resolve();

  it.each([
    ['after it had begun', beginIt],
    ['before it could begin', doNothing],
  ])('%s is enqueued again and completes', async (_when, before) => {
    const { asked, adapter } = await startBrokenWorker(2, before);
    const job = await submit(fixture, newJob());
    for (let n = 1; n <= 2; n++) {
      await failed(n);
      expect(await passOver(job)).toMatchObject({ requeued: 1 });
    }
    expect(await ended(fixture, job)).toMatchObject({ state: 'completed', attempts: [{ n: 3 }] });
    expect(asked).toEqual([1, 2, 3]);
    expect(adapter.calls).toHaveLength(1);
  });

  it.each([
    ['after it had begun', beginIt],
    ['before it could begin', doNothing],
  ])('each time, %s, ends the job as worker_crash: no endless loop', async (_when, before) => {
    const { asked } = await startBrokenWorker(Infinity, before);
    const job = await submit(fixture, newJob());
    for (let n = 1; n <= 5; n++) {
      await failed(n);
      expect(await passOver(job)).toMatchObject({ looked: 1, requeued: n < 5 ? 1 : 0 });
    }
    expect(await read(fixture, job)).toMatchObject({ state: 'failed', error: { code: 'worker_crash' } });
    expect(asked).toEqual([1, 2, 3, 4, 5]);
    expect(await pass(fixture)).toMatchObject({ looked: 0 });
  });
});

it('a job lost five times before it was ever begun is no crash: it is still enqueued', async () => {
  const job = await create();
  for (let n = 1; n <= 7; n++) {
    expect(await passOver(job)).toMatchObject({ requeued: 1 });
    await queue().obliterate({ force: true });
  }
  expect(await read(fixture, job)).toMatchObject({ state: 'queued', attempts: [], waiting: { attempt: 8 } });
});

it('a record that cannot be read holds up no other', async () => {
  const broken = await create();
  const jobs = await Promise.all(Array.from({ length: 60 }, () => create()));
  await fixture.redis.set(keys.job(broken.id), 'not a hash');
  for (const job of jobs) await makeDue(fixture, job);
  await fixture.redis.zadd(keys.unfinished(), -1, broken.id);
  expect(await pass(fixture)).toEqual({ looked: 60, ended: 0, requeued: 60, troubled: 1 });
  expect(await queue().getJobCountByTypes('prioritized')).toBe(60);
});
