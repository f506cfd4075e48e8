import { describe, expect, it } from '@jest/globals';
import type { Priority } from '#contracts/job-state.js';
import { FIRST_ASK } from '#jobs/graph-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { newGraph, newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { answers } from './support/turns.js';
import { ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();

interface Owner {
  key: string;
  share?: number;
  priority?: Priority;
}

/** Enqueues so many jobs of this owner, named by it. */
async function line(owner: Owner, count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await submit(fixture, newJob({ ...owner, metadata: { owner: owner.key } }));
  }
}

/** Whose jobs wait, in the order in which workers will take them. */
async function waiting(): Promise<string[]> {
  const attempts = await fixture.queues.waiting('acme', 20_000);
  const records = await Promise.all(attempts.map(({ payload }) => fixture.store.read(payload?.jobId ?? 'none')));
  return records.map((record) => record?.metadata.owner ?? '?');
}

const count = (owners: readonly string[], owner: string): number => owners.filter((one) => one === owner).length;

interface Opened {
  jobId: string;
  callId: string;
  turn: number;
}

/** A graph of two paid calls; what is returned opens the first call of its step at this place. */
async function openable(): Promise<(place: number) => Promise<Opened>> {
  const job = newGraph({ mode: 'adversarial' });
  await fixture.store.create(job);
  return async (place) => {
    const graph = await fixture.graphs.read(job.id);
    const step = graph?.steps[place];
    if (!graph || !step) throw new RangeError(`no step ${place}`);
    const { plan, request } = job;
    const call = {
      parent: `${job.id}.${step.id}`,
      plan,
      request,
      ask: FIRST_ASK,
      estimatedCostNano: 0,
      reserveNano: 0,
    };
    const reply = await fixture.graphs.openCall(graph, step, call);
    if (reply.kind !== 'opened') throw new Error(`the call was not opened: ${reply.kind}`);
    return { jobId: job.id, callId: reply.callId, turn: reply.turn };
  };
}

describe('the order within a pool', () => {
  it('lets a key with one job wait for its share, not for all jobs of another', async () => {
    await line({ key: 'bulk' }, 1_000);
    await line({ key: 'single' }, 1);
    expect((await waiting()).indexOf('single')).toBeLessThanOrEqual(2);
  });

  it('serves keys by their shares', async () => {
    await line({ key: 'large', share: 3 }, 120);
    await line({ key: 'small', share: 1 }, 120);
    const first = (await waiting()).slice(0, 80);
    expect(count(first, 'large')).toBeGreaterThanOrEqual(58);
    expect(count(first, 'large')).toBeLessThanOrEqual(62);
  });

  it('serves classes by their weights and starves none', async () => {
    await line({ key: 'low', priority: 'low' }, 60);
    await line({ key: 'normal', priority: 'normal' }, 60);
    await line({ key: 'high', priority: 'high' }, 60);
    const order = await waiting();
    const first = order.slice(0, 21);
    expect(count(first, 'high')).toBeGreaterThanOrEqual(15);
    expect(count(first, 'normal')).toBeGreaterThanOrEqual(3);
    expect(count(order.slice(0, 64), 'low')).toBeGreaterThanOrEqual(1);
  });

  it('lets a higher class overtake the lower ones of its own key', async () => {
    for (const priority of ['low', 'low', 'normal', 'normal', 'high'] as const) {
      await submit(fixture, newJob({ priority, metadata: { owner: priority } }));
    }
    expect(await waiting()).toEqual(['high', 'normal', 'normal', 'low', 'low']);
  });

  it('keeps the order of arrival within a key and class', async () => {
    const jobs = [];
    for (let i = 0; i < 20; i++) jobs.push(await submit(fixture, newJob()));
    const order = (await fixture.queues.waiting('acme', 100)).map(({ payload }) => payload?.jobId);
    expect(order).toEqual(jobs.map(({ id }) => id));
  });

  it('moves on with what is served: a key that comes late does not overtake what has waited', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await line({ key: 'first' }, 50);
    const { supervisor } = await startWorkerRig(fixture, { adapter, concurrency: 1 });
    const now = () => fixture.redis.hget(keys.poolOrder('acme'), 'virtual_time');
    await waitFor(async () => Number(await now()) > 16, { describe: 'time to move on' });
    await supervisor.close();
    await line({ key: 'other' }, 1);
    const served = Number(await now());
    const { turn } = (await fixture.store.create(newJob({ key: 'late' }))) as { turn: number };
    expect(turn).toBeGreaterThan(served);
    expect(turn).toBeLessThanOrEqual(served + 4);
  });

  it('has later calls of a graph come before graphs that wait, and behind a single chat of a higher class', async () => {
    const late = async (): Promise<number> =>
      ((await fixture.store.create(newJob({ key: 'late' }))) as { turn: number }).turn;
    await line({ key: 'bulk' }, 2);
    await fixture.redis.hset(keys.poolOrder('acme'), 'virtual_time', '100');
    const [running, waits] = [await openable(), await openable()];
    const plan = await running(0);
    const next = await waits(0);
    await fixture.redis.hset(keys.poolOrder('acme'), 'virtual_time', String(plan.turn));
    const critique = await running(1);
    expect(critique.turn).toBeGreaterThan(await late());
    expect(critique.turn).toBeLessThan(next.turn);

    const run = { jobId: critique.jobId, callId: critique.callId, attempt: 1, run: 'w' };
    await fixture.attempts.begin(run, { pool: 'acme', turn: critique.turn, start: true });
    expect(await fixture.redis.hget(keys.poolOrder('acme'), 'virtual_time')).toBe(String(plan.turn));
  });

  it('begins anew when nobody waits', async () => {
    await fixture.redis.hset(keys.poolOrder('acme'), { virtual_time: 900_000, 'key:default/ci/normal': '900000' });
    expect(await fixture.store.create(newJob())).toEqual({ kind: 'created', turn: 4, levels: [] });
  });

  it('is arrival beyond what BullMQ can count, and never an error', async () => {
    await submit(fixture, newJob());
    await fixture.redis.hset(keys.poolOrder('acme'), 'key:default/ci/normal', '2097151');
    const jobs = [await submit(fixture, newJob()), await submit(fixture, newJob())];
    const order = await fixture.queues.waiting('acme', 10);
    expect(order.slice(1).map(({ turn }) => turn)).toEqual([2_097_151, 2_097_151]);
    expect(order.slice(1).map(({ payload }) => payload?.jobId)).toEqual(jobs.map(({ id }) => id));
  });

  it('takes the time that has passed off all turns before they grow too large, and stays as it is', async () => {
    await fixture.redis.hset(keys.poolOrder('acme'), 'virtual_time', 2 ** 20);
    await submit(fixture, newJob({ notBefore: Date.now() + 60_000, metadata: { owner: 'delayed' } }));
    await fixture.redis.hset(keys.poolOrder('acme'), 'virtual_time', 2 ** 20);
    await line({ key: 'bulk' }, 30);
    await line({ key: 'single' }, 2);
    const before = await waiting();
    expect(await fixture.unfinished.rebaseTurns('acme')).toBe(true);
    expect(await waiting()).toEqual(before);
    const turns = (await fixture.queues.waiting('acme', 100)).map(({ turn }) => turn);
    expect(await fixture.queues.front('acme')).toBe(1);
    expect(Math.max(...turns)).toBeLessThan(200);
    await line({ key: 'late' }, 1);
    expect((await waiting()).indexOf('late')).toBeLessThanOrEqual(3);
    const [delayed] = await fixture.queues.queueOf('acme').getDelayed();
    expect(delayed?.priority).toBeLessThan(100);
    expect(await fixture.unfinished.rebaseTurns('acme')).toBe(false);
  });
});
