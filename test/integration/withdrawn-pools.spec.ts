import { beforeEach, describe, expect, it } from '@jest/globals';
import type { CallPlan } from '#jobs/call-plan.js';
import type { NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { KnownPools } from '#queues/known-pools.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { Registry } from '#registry/registry.js';
import { waitFor } from '#testing/wait-for.js';
import { unservedPools } from '../../apps/worker/src/reconciler/unserved-pools.js';
import { movePass } from './support/move-pass.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers } from './support/turns.js';
import {
  ended,
  payloadOf,
  read,
  ScriptedAdapter,
  startWorkerRig,
  submit,
  type WorkerRig,
} from './support/worker-rig.js';

const fixture = new RedisFixture();
let adapter: ScriptedAdapter;
let rig: WorkerRig;
let cursors: Map<string, number>;

beforeEach(async () => {
  adapter = new ScriptedAdapter([answers('x')]);
  cursors = new Map();
  rig = await startWorkerRig(fixture, { adapter });
});

const SMALL = { model: 'small', provider: 'acme', pool: 'acme' };
const only = (candidate: CallPlan['candidates'][number]): NewJob => newJob({ plan: { candidates: [candidate] } });

const WITHOUT_ACME = registryContent({
  providers: [provider('bolt')],
  models: [model('large', { contextTokens: 100_000 })],
});
const DISABLED = registryContent({ providers: [provider('acme', { enabled: false }), provider('bolt')] });
const WITHOUT_SMALL = registryContent({
  models: [model('small', { enabled: false }), model('large', { contextTokens: 100_000 })],
});

const move = (): Promise<number> => movePass(fixture, rig, cursors);

/** Resolves once the workers serve what this content says. */
async function follow(content: SnapshotContent, ...pools: string[]): Promise<void> {
  await rig.publish(content);
  await waitFor(() => rig.supervisor.pools.toSorted().join() === pools.toSorted().join(), {
    describe: `the pools ${pools.join()}`,
  });
}

describe.each<[string, SnapshotContent, number]>([
  ['disabled', DISABLED, 1],
  // A worker that had asked for one more before it heard of the change has made a failed attempt of it.
  ['removed', WITHOUT_ACME, 2],
])('what waits for a provider that is %s', (_case, content, maxAttempts) => {
  beforeEach(async () => {
    // The pool was known while it was there.
    await move();
    await follow(content, 'bolt');
  });

  it('moves to another candidate of its job', async () => {
    const job = await submit(fixture, newJob({ plan: { maxAttempts } }));
    // Or the worker does, where it had asked its queue for one more before it heard of the change.
    await move();
    const { state, attempts } = await ended(fixture, job);
    expect([state, attempts.at(-1)]).toMatchObject(['completed', { n: 2, model: 'large' }]);
    expect(adapter.asked).toEqual(['upstream-large']);
    expect(await fixture.queues.waiting('acme', 10)).toEqual([]);
  });

  it('and for its time moves, too, and still waits for its time', async () => {
    const job = newJob();
    await fixture.store.create(job);
    await fixture.queues.enqueue(payloadOf(job, 1), { pool: 'acme', delayMs: 60_000 });
    expect(await move()).toBe(1);
    const [moved] = await fixture.queues.delayed('bolt', 10);
    expect(moved?.payload?.jobId).toBe(job.id);
    expect(moved?.delayMs).toBeGreaterThan(50_000);
    expect(await fixture.queues.delayed('acme', 10)).toEqual([]);
  });
});

it('what waits for a provider that is disabled, without another candidate, waits on and runs when the provider is back', async () => {
  await follow(DISABLED, 'bolt');
  const job = await submit(fixture, only(SMALL));
  expect(await move()).toBe(0);
  expect(await read(fixture, job)).toMatchObject({ state: 'queued', waiting: SMALL });
  await follow(registryContent(), 'acme', 'bolt');
  expect(await ended(fixture, job)).toMatchObject({ state: 'completed', attempts: [{ model: 'small' }] });
});

describe('what waits for a provider that is removed, without another candidate', () => {
  beforeEach(async () => {
    await move();
    await follow(WITHOUT_ACME, 'bolt');
  });

  it('fails and says so, and leaves nothing in the queue', async () => {
    const job = await submit(fixture, only(SMALL));
    await move();
    expect(await ended(fixture, job)).toMatchObject({
      state: 'failed',
      error: { code: 'model_unavailable', class: 'provider_fault' },
      attempts: [{ model: 'small', state: 'failed' }],
    });
    expect(adapter.calls).toEqual([]);
    expect(await fixture.queues.waiting('acme', 10)).toEqual([]);
  });

  it('and for its time, is left until then: the provider may be back', async () => {
    const job = only(SMALL);
    await fixture.store.create(job);
    await fixture.queues.enqueue(payloadOf(job, 1), { pool: 'acme', delayMs: 60_000 });
    expect(await move()).toBe(0);
    expect((await read(fixture, job)).attempts).toEqual([]);
  });
});

it('of two candidates of which one is disabled and one is gone the disabled one is waited for', async () => {
  const content = registryContent({
    providers: [provider('acme'), provider('bolt', { enabled: false }), provider('cone')],
    models: [model('large', { contextTokens: 100_000 }), model('other', { provider: 'cone' })],
  });
  await follow(content, 'acme', 'cone');
  await rig.views.refresh();
  const job = await submit(fixture, newJob());
  await waitFor(async () => (await read(fixture, job)).attempts.length === 1, { describe: 'the failed attempt' });
  expect(await read(fixture, job)).toMatchObject({
    ...{ waiting: { model: 'large' }, attempts: [{ model: 'small', state: 'failed' }] },
  });
  await follow(registryContent(), 'acme', 'bolt');
  expect(await ended(fixture, job)).toMatchObject({ state: 'completed', model: 'large' });
});

it('hundreds that have nowhere else to go do not hide those behind them that have', async () => {
  await follow(DISABLED, 'bolt');
  for (let start = 0; start < 510; start += 30) {
    await Promise.all(Array.from({ length: 30 }, () => submit(fixture, only(SMALL))));
  }
  const last = await submit(fixture, newJob());
  const moved = [await move(), await move(), await move()];
  expect(moved).toEqual([0, 1, 0]);
  expect((await ended(fixture, last)).model).toBe('large');
});

describe('what waits in the pool of a model', () => {
  it('that loses its limits follows the model to the pool of its provider', async () => {
    const own = registryContent({ models: [model('small', { limits: { concurrency: 1 } }), model('large')] });
    await follow(own, 'acme', 'acme/small', 'bolt');
    await move();
    await follow(registryContent(), 'acme', 'bolt');
    const job = await submit(fixture, only({ ...SMALL, pool: 'acme/small' }));
    expect(await move()).toBe(1);
    expect(await ended(fixture, job)).toMatchObject({
      state: 'completed',
      attempts: [{ n: 2, model: 'small', provider: 'acme' }],
    });
  });
});

describe('a model that is disabled while its provider is not', () => {
  beforeEach(async () => {
    await rig.publish(WITHOUT_SMALL);
    await waitFor(() => rig.registry.current.model('small')?.enabled === false, { describe: 'the change' });
  });

  it('is not called: what waited for it goes to another candidate, and uses up no attempt', async () => {
    const job = await submit(fixture, newJob({ plan: { maxAttempts: 1 } }));
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'completed', model: 'large' });
    expect(adapter.asked).toEqual(['upstream-large']);
  });

  it('without another candidate it is waited for', async () => {
    await rig.views.refresh();
    const job = await submit(fixture, only(SMALL));
    await waitFor(async () => (await fixture.queues.delayed('acme', 10)).length === 1, {
      describe: 'the attempt to wait',
    });
    expect(await read(fixture, job)).toMatchObject({ state: 'queued', waiting: SMALL, attempts: [] });
    await rig.publish(registryContent());
    expect(await ended(fixture, job)).toMatchObject({ state: 'completed', model: 'small' });
  });
});

it('before a registry is known nothing is taken for gone', async () => {
  const known = new KnownPools(fixture.redis);
  await known.gone(['acme/small']);
  expect(await unservedPools(Registry.empty(), known, false)).toEqual([]);
  expect(await unservedPools(rig.registry.current, known, false)).toEqual(['acme/small']);
});

describe('in a pool that is disabled', () => {
  it.each<[string, number, () => Promise<unknown>]>([
    ['a payload that is no attempt', 0, () => fixture.queues.queueOf('acme').add('attempt', {}, { priority: 1 })],
    [
      'a call whose plan cannot be read',
      1,
      async () => {
        const job = await submit(fixture, newJob());
        await fixture.redis.hset(keys.call(payloadOf(job, 1).callId), 'plan', '{');
      },
    ],
  ])('%s holds up nothing behind it', async (_case, reported, spoil) => {
    await move();
    await follow(DISABLED, 'bolt');
    await spoil();
    const job = await submit(fixture, newJob());
    expect(await move()).toBe(1);
    expect((await ended(fixture, job)).state).toBe('completed');
    expect(fixture.errors.splice(0)).toHaveLength(reported);
  });
});
