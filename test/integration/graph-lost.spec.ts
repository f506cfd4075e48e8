import { describe, expect, it } from '@jest/globals';
import type { JobRecord, NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { startGraphWorker } from '#queues/graph-worker.js';
import { waitFor } from '#testing/wait-for.js';
import { ADVERSARIAL, byStep } from './support/graph-turns.js';
import { newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers } from './support/turns.js';
import { ended, makeDue, pass, read, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();

const adversarial = () => newGraph({ mode: 'adversarial' });

/** BullMQ fails the graph for good, as it would for a payload that it cannot hand over. */
async function failInQueue(job: NewJob): Promise<void> {
  const worker = startGraphWorker({
    redis: fixture.redis,
    concurrency: 5,
    process: () => {
      throw Object.assign(new Error('cannot be handed over'), { name: 'UnrecoverableError' });
    },
    giveUp: () => Promise.reject(new Error('is not asked')),
    onError: () => undefined,
  });
  await waitFor(async () => (await fixture.graphQueue.queue.getFailedCount()) === 1, { describe: 'it to fail' });
  expect(await fixture.store.look(job.id)).toMatchObject({ state: 'queued' });
  await worker.close();
}

async function completesWith(calls: number, job: NewJob, adapter: ScriptedAdapter): Promise<JobRecord> {
  const record = await ended(fixture, job);
  expect(record.state).toBe('completed');
  expect(adapter.calls).toHaveLength(calls);
  return record;
}

/** Nothing in a queue lives on for a job that has ended. */
async function nothingInQueues(job: NewJob): Promise<void> {
  await waitFor(async () => (await fixture.redis.keys(`*${job.id}*.[0-9]*`)).length === 0, {
    describe: 'graph and attempts to be gone',
  });
}

/** As Redis loses the newest writes when it is not told to keep each. */
async function loseGraph(job: NewJob): Promise<void> {
  const { queue } = fixture.graphQueue;
  await fixture.redis.zrem(queue.toKey('prioritized'), `${job.id}.1`);
  await fixture.redis.zrem(queue.toKey('waiting-children'), `${job.id}.1`);
  for (const key of await fixture.redis.keys(queue.toKey(`${job.id}.1*`))) await fixture.redis.del(key);
}

async function loseAttempt(job: NewJob): Promise<void> {
  const { waiting } = await read(fixture, job);
  const pool = fixture.queues.queueOf(waiting?.pool ?? '');
  await fixture.redis.del(pool.toKey(`${waiting?.callId}.1`));
  await fixture.redis.zrem(pool.toKey('prioritized'), `${waiting?.callId}.1`);
}

/** Until the job has ended the reconciler looks at it again and again, as it does every so often. */
async function completesWhileLookedAfter(job: NewJob): Promise<void> {
  await waitFor(async () => {
    await makeDue(fixture, job);
    await pass(fixture);
    return (await read(fixture, job)).state === 'completed';
  });
}

describe('the reconciler', () => {
  it('enqueues a graph whose API process died before it could', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const job = adversarial();
    await fixture.store.create(job);
    await startWorkerRig(fixture, { adapter });
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ looked: 1, requeued: 1 });
    await completesWith(3, job, adapter);
    await nothingInQueues(job);
  });

  it('enqueues one that BullMQ has failed', async () => {
    const adapter = new ScriptedAdapter([answers('the answer')]);
    const job = await submit(fixture, newGraph({ mode: 'planning' }));
    await failInQueue(job);
    await startWorkerRig(fixture, { adapter });
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ requeued: 1 });
    await completesWith(1, job, adapter);
  });

  it('leaves one alone that is driven', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const job = await submit(fixture, adversarial());
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ looked: 1, requeued: 0 });
    await startWorkerRig(fixture, { adapter });
    await completesWith(3, job, adapter);
  });

  it('enqueues one anew that was lost before anybody took it', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const job = await submit(fixture, adversarial());
    await loseGraph(job);
    await startWorkerRig(fixture, { adapter });
    await completesWhileLookedAfter(job);
    expect(adapter.calls).toHaveLength(3);
    await nothingInQueues(job);
  });

  it.each([
    ['alone', false],
    ['together with its attempt', true],
  ])(
    'enqueues one anew that was lost %s while its first call waited, and makes no call twice',
    async (_how, andAttempt) => {
      const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
      const rig = await startWorkerRig(fixture, { adapter, pools: false });
      const job = await submit(fixture, adversarial());
      await waitFor(async () => (await fixture.graphQueue.queue.getWaitingChildrenCount()) === 1);
      await loseGraph(job);
      if (andAttempt) await loseAttempt(job);
      rig.registry.onChange((changed) => rig.supervisor.follow(changed));
      await completesWhileLookedAfter(job);
      expect(adapter.calls).toHaveLength(3);
      await nothingInQueues(job);
    },
  );

  it('writes nothing for a job that is gone meanwhile', async () => {
    const job = await submit(fixture, adversarial());
    await fixture.store.cancel(job.id);
    await fixture.store.delete(job.id, job.project);
    expect(await fixture.graphs.rebuild(job.id)).toBeNull();
    await fixture.graphs.adopt(`${job.id}-plan`, 'another');
    expect(await fixture.redis.exists(keys.steps(job.id), keys.call(`${job.id}-plan`))).toBe(0);
  });
});

describe('an attempt that was lost', () => {
  it('is enqueued anew for the same graph while that waits for it, and no other is made', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const rig = await startWorkerRig(fixture, { adapter, pools: false });
    const job = await submit(fixture, adversarial());
    await waitFor(async () => (await read(fixture, job)).waiting !== null, { describe: 'the first call' });
    await waitFor(async () => (await fixture.graphQueue.queue.getWaitingChildrenCount()) === 1);
    await loseAttempt(job);
    rig.registry.onChange((changed) => rig.supervisor.follow(changed));
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ requeued: 1 });
    const record = await completesWith(3, job, adapter);
    expect(record.attempts.map(({ n }) => n)).toEqual([1, 1, 1]);
    await nothingInQueues(job);
  });
});
