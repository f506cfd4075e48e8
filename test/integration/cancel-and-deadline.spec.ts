import { describe, expect, it } from '@jest/globals';
import { attemptId } from '#contracts/queue-payloads.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import type { ProviderCall } from '#providers/provider-adapter.js';
import { waitFor } from '#testing/wait-for.js';
import { hop, newJob, outcomeOf, runOf, unkept } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers, Gate, hangs, streams } from './support/turns.js';
import {
  ended,
  makeDue,
  pass,
  payloadOf,
  poolOf,
  read,
  ScriptedAdapter,
  startWorkerRig,
  submit,
} from './support/worker-rig.js';

const fixture = new RedisFixture();

async function create(job = newJob()): Promise<NewJob> {
  await fixture.store.create(job);
  return job;
}

const begin = (job: NewJob, token = 'a', attempt = 1) => fixture.begin(runOf(job, token, attempt));
const called = (adapter: ScriptedAdapter, calls = 1) =>
  waitFor(() => adapter.calls.length === calls, { describe: `${calls} calls` });

/** Waits until no pool holds an attempt. */
async function drained(): Promise<void> {
  await waitFor(async () => (await fixture.queues.queueOf('acme').count()) === 0, { describe: 'an empty pool' });
  await waitFor(async () => (await fixture.queues.queueOf('acme').getActiveCount()) === 0, {
    describe: 'an idle pool',
  });
}

describe('cancelling', () => {
  it('a queued job ends it at once, and its attempt then calls no provider', async () => {
    const job = await submit(fixture, newJob());
    expect(await fixture.store.cancel(job.id)).toBe('cancelled');
    expect(await read(fixture, job)).toMatchObject({
      state: 'cancelled',
      startedAt: null,
      error: { code: 'job_cancelled' },
      attempts: [],
    });
    const adapter = new ScriptedAdapter([]);
    await startWorkerRig(fixture, { adapter });
    await drained();
    expect(adapter.calls).toEqual([]);
  });

  it('a running job aborts the upstream call; job and attempt are cancelled', async () => {
    const adapter = new ScriptedAdapter([hangs]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob());
    await called(adapter);
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    const record = await ended(fixture, job);
    expect(adapter.calls[0]?.signal.aborted).toBe(true);
    expect(record).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } });
    expect(record.cancelRequestedAt).toBeGreaterThan(0);
    expect(record.attempts).toMatchObject([{ n: 1, state: 'cancelled', error: { code: 'job_cancelled' } }]);
  });

  it('a running job whose request went out bills its input, and says that it is an estimate', async () => {
    const adapter = new ScriptedAdapter([hangs]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob());
    await called(adapter);
    await fixture.store.cancel(job.id);
    const record = await ended(fixture, job);
    expect(record.attempts).toMatchObject([{ usageEstimated: true, usage: { inputTokens: 7, outputTokens: 0 } }]);
    expect(record.costNano).toBe(7 * 2_500);
  });

  it('a running job whose request did not go out bills nothing', async () => {
    const adapter = new ScriptedAdapter([hangs]);
    const connecting = { execute: ({ onSent: _unheard, ...call }: ProviderCall) => adapter.execute(call) };
    await startWorkerRig(fixture, { adapter: connecting });
    const job = await submit(fixture, newJob());
    await called(adapter);
    await fixture.store.cancel(job.id);
    const record = await ended(fixture, job);
    expect(record.attempts).toMatchObject([{ state: 'cancelled', usage: null, usageEstimated: false }]);
    expect(record.costNano).toBe(0);
  });

  it('a running job bills what it had streamed', async () => {
    const adapter = new ScriptedAdapter([streams(['one ', 'two ', 'three'], hangs)]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob({ plan: { stream: true } }));
    await waitFor(() => fixture.redis.hget(keys.call(answerCallId(job.id)), 'streamed'), { describe: 'content' });
    await fixture.store.cancel(job.id);
    const record = await ended(fixture, job);
    expect(record.attempts).toMatchObject([{ state: 'cancelled', usageEstimated: true }]);
    expect(record.usage.inputTokens).toBe(7);
    expect(record.usage.outputTokens).toBeGreaterThan(0);
    expect(record.costNano).toBe(7 * 2_500 + record.usage.outputTokens * 10_000);
  });

  it('between two attempts ends the job at once, and the delayed one calls nobody', async () => {
    const job = await create();
    await begin(job);
    await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), delayMs: 200 });
    await fixture.queues.enqueue(payloadOf(job, 2), { pool: poolOf(job), delayMs: 200 });
    expect(await fixture.store.cancel(job.id)).toBe('cancelled');
    expect((await read(fixture, job)).state).toBe('cancelled');
    const adapter = new ScriptedAdapter([]);
    await startWorkerRig(fixture, { adapter });
    await drained();
    expect(adapter.calls).toEqual([]);
  });

  it('while an attempt fails ends the job instead of opening the next attempt', async () => {
    const job = await create();
    await begin(job);
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    expect(await fixture.attempts.advance(runOf(job, 'a'), hop(1))).toEqual({ kind: 'finished', state: 'cancelled' });
    expect(await read(fixture, job)).toMatchObject({
      state: 'cancelled',
      costNano: 1_234,
      attempts: [{ state: 'failed' }],
    });
  });

  it('of a run that died ends the job when the attempt comes again', async () => {
    const job = await create();
    await begin(job, 'dead');
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    expect(await begin(job, 'b')).toEqual({ kind: 'finished', state: 'cancelled' });
  });

  it('that no worker heard is said again by the reconciler within seconds', async () => {
    const job = await create();
    await begin(job);
    await fixture.store.cancel(job.id);
    const lookAt = Number(await fixture.redis.zscore(keys.unfinished(), job.id));
    expect(lookAt - Date.now()).toBeLessThanOrEqual(3_000);
    const adapter = new ScriptedAdapter([]);
    const { running } = await startWorkerRig(fixture, { adapter, pools: false });
    const stop = new AbortController();
    running.add(job.id, stop);
    await fixture.unfinished.look(job.id);
    await waitFor(() => stop.signal.aborted, { describe: 'the stop' });
  });

  it('streaming output tells the worker to stop, even if no message reached it', async () => {
    const job = await create();
    await begin(job);
    await fixture.store.cancel(job.id);
    expect(await fixture.attempts.emit(runOf(job, 'a'), '{}')).toBe('stop');
  });

  it('a second time changes nothing: requested while it runs, finished afterwards', async () => {
    const job = await create();
    await begin(job);
    await fixture.store.cancel(job.id);
    const first = (await read(fixture, job)).cancelRequestedAt;
    await waitFor(() => Date.now() > (first ?? 0), { describe: 'the next millisecond' });
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    expect((await read(fixture, job)).cancelRequestedAt).toBe(first);
    await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('cancelled'));
    const before = await fixture.snapshot();
    expect(await fixture.store.cancel(job.id)).toBe('finished');
    expect(await fixture.snapshot()).toEqual(before);
    expect(await fixture.store.cancel('job_unknown')).toBe('missing');
  });

  it('a moment too late leaves the answer: the worker that finishes first wins', async () => {
    const job = await create();
    await begin(job);
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    expect(await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'))).toBe('committed');
    expect((await read(fixture, job)).state).toBe('completed');
  });
});

describe('the deadline', () => {
  it('expires a queued job in the next pass, and the attempt then calls nobody', async () => {
    const job = await submit(fixture, newJob({ deadline: Date.now() + 30 }));
    await waitFor(async () => (await pass(fixture)).ended === 1, { describe: 'the expiry' });
    expect(await read(fixture, job)).toMatchObject({
      state: 'expired',
      startedAt: null,
      error: { code: 'job_expired' },
      attempts: [],
    });
    const adapter = new ScriptedAdapter([]);
    await startWorkerRig(fixture, { adapter });
    await drained();
    expect(adapter.calls).toEqual([]);
  });

  it('aborts a running call by itself; job and attempt are expired', async () => {
    const adapter = new ScriptedAdapter([hangs]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, newJob({ deadline: Date.now() + 3_000 }));
    const record = await ended(fixture, job);
    expect(adapter.calls[0]?.signal.aborted).toBe(true);
    expect(record).toMatchObject({
      state: 'expired',
      error: { code: 'job_expired' },
      attempts: [{ state: 'expired' }],
    });
    expect(record.finishedAt).toBeGreaterThanOrEqual(job.deadline);
  });

  it('leaves a running job to its worker for a grace period and takes it for lost afterwards', async () => {
    const running = await create(newJob({ deadline: Date.now() + 60_000 }));
    await begin(running);
    await fixture.redis.hset(keys.job(running.id), 'deadline', Date.now() - 5_000);
    expect(await fixture.unfinished.look(running.id)).toMatchObject({ kind: 'waiting' });
    await fixture.redis.hset(keys.job(running.id), 'deadline', Date.now() - 10_001);
    expect(await fixture.unfinished.look(running.id)).toEqual({ kind: 'ended', state: 'expired' });
  });

  it('holds while an attempt is delayed: the job expires between two attempts', async () => {
    const job = await create(newJob({ deadline: Date.now() + 2_000 }));
    await begin(job);
    await fixture.attempts.advance(runOf(job, 'a'), { ...hop(1), delayMs: 60_000 });
    await fixture.queues.enqueue(payloadOf(job, 2), { pool: poolOf(job), delayMs: 60_000 });
    await waitFor(async () => (await pass(fixture)).ended === 1, { describe: 'the expiry' });
    expect(await read(fixture, job)).toMatchObject({ state: 'expired', attempts: [{ n: 1, state: 'failed' }] });
  });
});

describe('not_before', () => {
  it('holds a job back until then, and its wait counts from then', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    await startWorkerRig(fixture, { adapter });
    const notBefore = Date.now() + 2_000;
    const job = await submit(fixture, newJob({ notBefore }));
    const other = await submit(fixture, newJob());
    await called(adapter);
    expect(await fixture.queues.queueOf('acme').getJobState(attemptId(answerCallId(job.id), 1))).toBe('delayed');
    gate.open();
    expect((await ended(fixture, other)).state).toBe('completed');
    await called(adapter, 2);
    gate.open();
    const record = await ended(fixture, job);
    expect(record.startedAt).toBeGreaterThanOrEqual(notBefore);
    expect(record.attempts[0]?.waitedMs).toBeLessThan(2_000);
  });

  it('is no reason for the reconciler to enqueue it again', async () => {
    const job = await submit(fixture, newJob({ notBefore: Date.now() + 60_000 }));
    expect(Number(await fixture.redis.zscore(keys.unfinished(), job.id))).toBeGreaterThan(Date.now() + 60_000);
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ looked: 1, requeued: 0 });
  });
});

describe('a synchronous job whose API process is gone', () => {
  const appear = (processId: string) => fixture.redis.set(keys.presence(processId), '{}');

  it('is cancelled by the reconciler while it waits; one whose process lives, and one that has none, are not', async () => {
    await appear('api-alive');
    const orphan = await submit(fixture, unkept({ owner: 'api-gone' }));
    const owned = await submit(fixture, unkept({ owner: 'api-alive' }));
    const free = await submit(fixture, newJob());
    for (const job of [orphan, owned, free]) await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ looked: 3, ended: 1, requeued: 0 });
    expect(await read(fixture, orphan)).toMatchObject({ state: 'cancelled', error: { code: 'job_cancelled' } });
    expect([(await read(fixture, owned)).state, (await read(fixture, free)).state]).toEqual(['queued', 'queued']);
  });

  it('is cancelled while it runs: the upstream call is aborted', async () => {
    const adapter = new ScriptedAdapter([hangs]);
    await startWorkerRig(fixture, { adapter });
    const job = await submit(fixture, unkept({ owner: 'api-gone' }));
    await called(adapter);
    await makeDue(fixture, job);
    await pass(fixture);
    expect(await ended(fixture, job)).toMatchObject({ state: 'cancelled', attempts: [{ state: 'cancelled' }] });
    expect(adapter.calls[0]?.signal.aborted).toBe(true);
  });
});
