import { describe, expect, it } from '@jest/globals';
import type { JobRecord, NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { startStepWorker } from '#queues/step-worker.js';
import { waitFor } from '#testing/wait-for.js';
import { ADVERSARIAL, byStep } from './support/graph-turns.js';
import { newGraph } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers } from './support/turns.js';
import { ended, makeDue, pass, read, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();

const adversarial = () => newGraph({ mode: 'adversarial' });

/** BullMQ fails these steps for good, as it would for a payload that it cannot hand over. */
async function failInQueue(steps: readonly string[], job: NewJob): Promise<void> {
  const failed: string[] = [];
  const worker = startStepWorker({
    redis: fixture.redis,
    concurrency: 5,
    process: ({ step }) => {
      if (!steps.includes(step)) throw new Error(`${step} was not to be taken`);
      failed.push(step);
      throw Object.assign(new Error('cannot be handed over'), { name: 'UnrecoverableError' });
    },
    giveUp: () => Promise.reject(new Error('is not asked')),
    onError: () => undefined,
  });
  await waitFor(() => failed.length === steps.length, { describe: 'the steps to be taken' });
  await waitFor(async () => (await fixture.steps.queue.getFailedCount()) === steps.length);
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
    describe: 'every step and attempt to be gone',
  });
}

/** As Redis loses the newest writes when it is not told to keep each. */
async function lose(job: NewJob, step: string): Promise<void> {
  const { queue } = fixture.steps;
  await fixture.redis.zrem(queue.toKey('prioritized'), `${job.id}.${step}.1`);
  await fixture.redis.zrem(queue.toKey('waiting-children'), `${job.id}.${step}.1`);
  for (const key of await fixture.redis.keys(queue.toKey(`${job.id}.${step}.1*`))) await fixture.redis.del(key);
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
    await failInQueue(['answer'], job);
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

  it.each([[['plan']], [['plan', 'critique-1']], [['critique-1']]])(
    'puts lost steps back in their places, and leaves nothing of the others behind: %p',
    async (lost) => {
      const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
      const job = await submit(fixture, adversarial());
      for (const step of lost) await lose(job, step);
      await startWorkerRig(fixture, { adapter });
      await waitFor(async () => {
        await makeDue(fixture, job);
        await pass(fixture);
        return (await read(fixture, job)).state === 'completed';
      });
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

describe('a step that BullMQ has failed', () => {
  it('is done by the one after it', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const job = await submit(fixture, adversarial());
    await failInQueue(['plan'], job);
    await startWorkerRig(fixture, { adapter });
    await completesWith(3, job, adapter);
  });
});

describe('an attempt that was lost', () => {
  it('is enqueued anew for the same step while that waits for it, and no other is made', async () => {
    const adapter = new ScriptedAdapter([byStep(ADVERSARIAL)]);
    const rig = await startWorkerRig(fixture, { adapter, pools: false });
    const job = await submit(fixture, adversarial());
    await waitFor(async () => (await read(fixture, job)).waiting !== null, { describe: 'the first call' });
    await waitFor(async () => (await fixture.steps.queue.getWaitingChildrenCount()) === 3);
    const waiting = (await read(fixture, job)).waiting;
    const pool = fixture.queues.queueOf(waiting?.pool ?? '');
    await fixture.redis.del(pool.toKey(`${waiting?.callId}.1`));
    await fixture.redis.zrem(pool.toKey('prioritized'), `${waiting?.callId}.1`);
    rig.registry.onChange((changed) => rig.supervisor.follow(changed));
    await makeDue(fixture, job);
    expect(await pass(fixture)).toMatchObject({ requeued: 1 });
    const record = await completesWith(3, job, adapter);
    expect(record.attempts.map(({ n }) => n)).toEqual([1, 1, 1]);
    await nothingInQueues(job);
  });
});
