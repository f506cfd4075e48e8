import { describe, expect, it } from '@jest/globals';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { delta, hop, newJob, outcomeOf, runOf, unkept, type NewJobOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers, Gate } from './support/turns.js';
import { ended, payloadOf, poolOf, read, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();

async function create(options: NewJobOptions = {}): Promise<NewJob> {
  const job = newJob(options);
  await fixture.store.create(job);
  return job;
}

const begin = (job: NewJob, token: string, attempt = 1) => fixture.begin(runOf(job, token, attempt));

async function eventsOf(job: NewJob): Promise<{ type: string; data: unknown }[]> {
  const entries = await fixture.redis.xrange(keys.events(job.id), '-', '+');
  return entries.map(([, fields]) => ({ type: fields[1] ?? '', data: JSON.parse(fields[3] ?? 'null') as unknown }));
}

const typesOf = async (job: NewJob): Promise<string[]> => (await eventsOf(job)).map(({ type }) => type);

describe('a fenced attempt changes nothing', () => {
  it('once another run has begun: emit, advance and finish are refused and every byte stays', async () => {
    const job = await create();
    expect(await begin(job, 'a')).toMatchObject({ kind: 'run', index: 0, used: 0, tries: 0, request: job.request });
    expect(await begin(job, 'b')).toMatchObject({ kind: 'run' });
    const before = await fixture.snapshot();
    const old = runOf(job, 'a');
    expect(await fixture.attempts.emit(old, delta(1, 'old'))).toBe('refused');
    expect(await fixture.attempts.advance(old, hop(1))).toEqual({ kind: 'refused' });
    expect(await fixture.attempts.finish(old, outcomeOf('completed'))).toBe('refused');
    expect(await fixture.attempts.finish(old, outcomeOf('failed'))).toBe('refused');
    expect(await fixture.snapshot()).toEqual(before);
    expect(await fixture.attempts.finish(runOf(job, 'b'), outcomeOf('completed'))).toBe('committed');
    expect((await read(fixture, job)).attempts).toHaveLength(1);
  });

  it('once the next attempt is open: what the ended one says late is refused', async () => {
    const job = await create();
    await begin(job, 'a');
    await fixture.attempts.advance(runOf(job, 'a'), hop(1));
    const before = await fixture.snapshot();
    const old = runOf(job, 'a');
    expect(await fixture.attempts.emit(old, delta(1, 'old'))).toBe('refused');
    expect(await fixture.attempts.advance(old, hop(1))).toEqual({ kind: 'refused' });
    expect(await fixture.attempts.finish(old, outcomeOf('completed'))).toBe('refused');
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('never begun, or of a deleted job: all are refused and nothing is written', async () => {
    const queued = await create();
    const deleted = await create();
    await begin(deleted, 'a');
    await fixture.attempts.finish(runOf(deleted, 'a'), outcomeOf('completed'));
    await fixture.store.delete(deleted.id, deleted.project);
    const before = await fixture.snapshot();
    for (const job of [queued, deleted]) {
      expect(await fixture.attempts.emit(runOf(job, 'a'), delta(1, 'x'))).toBe('refused');
      expect(await fixture.attempts.advance(runOf(job, 'a'), hop(1))).toEqual({ kind: 'refused' });
      expect(await fixture.attempts.finish(runOf(job, 'a'), outcomeOf('completed'))).toBe('refused');
    }
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('of two workers that run it at once, only the newer run’s answer is committed', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('old')), gate.turn(answers('new'))]);
    const { runAttempt } = await startWorkerRig(fixture, { adapter, pools: false });
    const job = await create();
    const notLost = new AbortController().signal;
    const old = runAttempt.run(payloadOf(job), { pool: poolOf(job), turn: 1, run: 'a', lockLost: notLost });
    await waitFor(() => gate.waiting === 1, { describe: 'the first call' });
    const newer = runAttempt.run(payloadOf(job), { pool: poolOf(job), turn: 1, run: 'b', lockLost: notLost });
    await waitFor(() => gate.waiting === 2, { describe: 'the second call' });
    gate.open(1);
    expect((await old).outcome).toBe('superseded');
    expect((await read(fixture, job)).state).toBe('in_progress');
    gate.open();
    expect((await newer).outcome).toBe('completed');
    expect((await read(fixture, job)).result).toContain('new');
  });

  it('a run whose lock is lost drops its upstream call and writes nothing more', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('late'))]);
    const { runAttempt } = await startWorkerRig(fixture, { adapter, pools: false });
    const job = await create();
    const lost = new AbortController();
    const run = runAttempt.run(payloadOf(job), { pool: poolOf(job), turn: 1, run: 'a', lockLost: lost.signal });
    await waitFor(() => gate.waiting === 1, { describe: 'the call' });
    const before = await fixture.snapshot();
    lost.abort(new Error('lock lost'));
    expect(adapter.calls[0]?.signal.aborted).toBe(true);
    gate.open();
    expect((await run).outcome).toBe('superseded');
    expect(await fixture.snapshot()).toEqual(before);
  });
});

describe('begin', () => {
  it('of an attempt whose successor is open answers with the successor and whether that has begun', async () => {
    const job = await create({
      plan: { candidates: [1, 2].map((n) => ({ model: `m${n}`, provider: `p${n}`, pool: `pool${n}` })) },
    });
    await begin(job, 'a');
    await fixture.attempts.advance(runOf(job, 'a'), hop(1));
    const superseded = { kind: 'superseded', attempt: 2, pool: 'pool2' };
    expect(await begin(job, 'b')).toEqual({ ...superseded, begun: false });
    await begin(job, 'c', 2);
    expect(await begin(job, 'd')).toEqual({ ...superseded, begun: true });
  });

  it('of an unknown, deleted or not yet opened attempt answers gone and writes nothing', async () => {
    const job = await create();
    const deleted = await create();
    await fixture.store.cancel(deleted.id);
    await fixture.store.delete(deleted.id, deleted.project);
    const before = await fixture.snapshot();
    expect(await begin({ ...job, id: 'job_unknown' }, 'a')).toEqual({ kind: 'gone' });
    expect(await begin(deleted, 'a')).toEqual({ kind: 'gone' });
    expect(await begin(job, 'a', 2)).toEqual({ kind: 'gone' });
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('past the deadline expires the job instead of running it', async () => {
    const job = await create({ deadline: Date.now() - 1 });
    expect(await begin(job, 'a')).toEqual({ kind: 'finished', state: 'expired' });
    expect(await read(fixture, job)).toMatchObject({
      state: 'expired',
      startedAt: null,
      error: { code: 'job_expired' },
    });
  });

  it('by the same run again (a reply lost on the wire) is no crash', async () => {
    const job = await create();
    for (let i = 0; i < 10; i++) expect(await begin(job, 'a')).toMatchObject({ kind: 'run' });
    expect(await fixture.redis.hget(keys.call(answerCallId(job.id)), 'crashes')).toBeNull();
  });
});

describe('crashed runs', () => {
  it('are four times taken over, and the fifth ends the job as worker_crash', async () => {
    const job = await create();
    for (const token of ['a', 'b', 'c', 'd', 'e']) expect(await begin(job, token)).toMatchObject({ kind: 'run' });
    expect(await begin(job, 'f')).toEqual({ kind: 'finished', state: 'failed' });
    expect(await read(fixture, job)).toMatchObject({ state: 'failed', error: { code: 'worker_crash' }, costNano: 0 });
    expect(await fixture.attempts.finish(runOf(job, 'e'), outcomeOf('completed'))).toBe('refused');
  });

  it('are counted over all attempts of the call', async () => {
    const job = await create();
    for (const token of ['a', 'b', 'c']) await begin(job, token);
    await fixture.attempts.advance(runOf(job, 'c'), hop(1));
    for (const token of ['d', 'e', 'f']) expect(await begin(job, token, 2)).toMatchObject({ kind: 'run' });
    expect(await begin(job, 'g', 2)).toEqual({ kind: 'finished', state: 'failed' });
  });

  it('of a synchronous stream that had sent content end it with stream_interrupted, and its reader is told', async () => {
    const job = unkept({ reader: 'api-1', syncStream: true });
    await fixture.store.create(job);
    await begin(job, 'a');
    await fixture.attempts.emit(runOf(job, 'a'), delta(1, 'Once'));
    expect(await begin(job, 'b')).toEqual({ kind: 'finished', state: 'failed' });
    expect((await read(fixture, job)).error).toMatchObject({ code: 'stream_interrupted' });
    expect(await typesOf(job)).toEqual(['job.started', 'attempt.started', 'output.delta', 'job.failed']);
  });

  it('of a synchronous stream that had sent nothing yet are taken over unseen', async () => {
    const job = unkept({ reader: 'api-1', syncStream: true });
    await fixture.store.create(job);
    await begin(job, 'a');
    expect(await begin(job, 'b')).toMatchObject({ kind: 'run', syncStream: true });
    expect(await typesOf(job)).not.toContain('output.reset');
  });

  it('of an asynchronous job make what was streamed void, once, before anything of the new run', async () => {
    const job = await create({ plan: { stream: true } });
    await begin(job, 'a');
    await fixture.attempts.emit(runOf(job, 'a'), delta(1, 'half'));
    await begin(job, 'b');
    await begin(job, 'c');
    await fixture.attempts.emit(runOf(job, 'c'), delta(1, 'whole'));
    const events = await eventsOf(job);
    expect(events.map(({ type }) => type)).toEqual([
      'job.queued',
      'job.started',
      'attempt.started',
      'output.delta',
      'output.reset',
      'attempt.started',
      'attempt.started',
      'output.delta',
    ]);
    expect(events[4]?.data).toEqual({ attempt: 1, reason: 'worker_crash' });
  });
});

describe('an attempt number', () => {
  it('that was opened but not enqueued by a worker that died is enqueued when the old attempt comes again', async () => {
    const adapter = new ScriptedAdapter([answers('second')]);
    const job = await create();
    await begin(job, 'dead');
    expect(await fixture.attempts.advance(runOf(job, 'dead'), hop(1))).toEqual({
      kind: 'advanced',
      attempt: 2,
    });
    // BullMQ brings the stalled attempt 1 to a living worker.
    await fixture.queues.enqueue(payloadOf(job, 1), { pool: poolOf(job) });
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'completed', model: 'large' });
    expect(record.attempts.map(({ n, state }) => [n, state])).toEqual([
      [1, 'failed'],
      [2, 'completed'],
    ]);
    expect(adapter.asked).toEqual(['upstream-large']);
  });

  it('added again while it waits, while it runs and after it has ended runs once', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('once'))]);
    const job = await create();
    const add = () => fixture.queues.enqueue(payloadOf(job), { pool: poolOf(job) });
    await Promise.all([add(), add(), add()]);
    expect(await fixture.queues.queueOf(poolOf(job)).getJobCountByTypes('prioritized', 'waiting')).toBe(1);
    await startWorkerRig(fixture, { adapter });
    await waitFor(() => gate.waiting === 1, { describe: 'the call' });
    await add();
    gate.open();
    await ended(fixture, job);
    await add();
    const next = await submit(fixture, newJob());
    await waitFor(() => gate.waiting === 1, { describe: 'the call of the next job' });
    gate.open();
    await ended(fixture, next);
    expect(adapter.calls).toHaveLength(2);
    expect((await read(fixture, job)).attempts).toHaveLength(1);
  });
});
