import { describe, expect, it } from '@jest/globals';
import type { Limits } from '#contracts/registry-snapshot.js';
import type { NewJob } from '#jobs/job-record.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { waitFor } from '#testing/wait-for.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, Gate } from './support/turns.js';
import { ended, read, ScriptedAdapter, startWorkerRig, submit, type WorkerRig } from './support/worker-rig.js';

const fixture = new RedisFixture();

/** A job for one model, in the pool of this id. */
const jobFor = (pool: string, modelId = pool): NewJob =>
  newJob({ plan: { candidates: [{ model: modelId, provider: pool.split('/')[0] ?? '', pool }] } });

/** A provider of each id with a model of the same name. */
const providers = (...ids: string[]): SnapshotContent =>
  registryContent({
    providers: ids.map((id) => provider(id)),
    models: ids.map((id) => model(id, { provider: id })),
  });

const limited = (limits: Limits): SnapshotContent => registryContent({ providers: [provider('acme', { limits })] });

const serves = (rig: WorkerRig, ...pools: string[]) =>
  waitFor(() => rig.supervisor.pools.toSorted().join() === pools.toSorted().join(), {
    describe: `the pools ${pools.join()}`,
  });

describe('the pools follow the registry', () => {
  it('a new pool is served, also for what waited in it; a removed one is not', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const rig = await startWorkerRig(fixture, { adapter, content: providers('one') });
    await serves(rig, 'one');
    const early = await submit(fixture, jobFor('two'));
    await rig.publish(providers('one', 'two'));
    await serves(rig, 'one', 'two');
    expect((await ended(fixture, early)).state).toBe('completed');

    await rig.publish(providers('two'));
    await serves(rig, 'two');
    const late = await submit(fixture, jobFor('one'));
    expect((await ended(fixture, await submit(fixture, jobFor('two')))).state).toBe('completed');
    expect((await read(fixture, late)).state).toBe('queued');

    await rig.publish(providers('one', 'two'));
    expect((await ended(fixture, late)).state).toBe('completed');
  });

  it('a model with limits of its own gets its own pool, whatever its name', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const own = model('llama3:8b/q4', { limits: { concurrency: 1 } });
    const content = registryContent({ providers: [provider('acme')], models: [own] });
    const rig = await startWorkerRig(fixture, { adapter, content });
    await serves(rig, 'acme', 'acme/llama3:8b/q4');
    const record = await ended(fixture, await submit(fixture, jobFor('acme/llama3:8b/q4', own.id)));
    expect(record).toMatchObject({ state: 'completed', model: own.id });
  });

  it('a disabled provider’s pool is not served', async () => {
    const content = registryContent({ providers: [provider('acme'), provider('off', { enabled: false })] });
    const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]), content });
    await serves(rig, 'acme');
  });

  it('a worker that names its pools serves only those', async () => {
    const rig = await startWorkerRig(fixture, {
      adapter: new ScriptedAdapter([answers('x')]),
      content: providers('one', 'two', 'three'),
      served: ['two', 'four'],
    });
    await serves(rig, 'two');
    await rig.publish(providers('one', 'two', 'four'));
    await serves(rig, 'two', 'four');
  });

  it('a removed pool ends what it runs, and holds up neither the next version nor the others', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('long')), answers('short')]);
    const rig = await startWorkerRig(fixture, { adapter, content: providers('one') });
    const long = await submit(fixture, jobFor('one'));
    await waitFor(() => gate.waiting === 1, { describe: 'the long call' });
    await rig.publish(providers('two'));
    await serves(rig, 'two');
    await rig.publish(providers('two', 'three'));
    await serves(rig, 'two', 'three');
    expect((await ended(fixture, await submit(fixture, jobFor('three')))).state).toBe('completed');
    gate.open();
    expect(await ended(fixture, long)).toMatchObject({ state: 'completed', model: 'one' });
  });

  it('a worker that closes waits for what runs in a pool that was removed before', async () => {
    const gate = new Gate();
    const rig = await startWorkerRig(fixture, {
      adapter: new ScriptedAdapter([gate.turn(answers('long'))]),
      content: providers('one'),
    });
    const long = await submit(fixture, jobFor('one'));
    await waitFor(() => gate.waiting === 1, { describe: 'the long call' });
    await rig.publish(providers('two'));
    await serves(rig, 'two');
    let closed = false;
    const closing = rig.supervisor.close().then(() => (closed = true));
    const other = await startWorkerRig(fixture, {
      adapter: new ScriptedAdapter([answers('x')]),
      content: providers('two'),
    });
    await ended(fixture, await submit(fixture, jobFor('two')));
    expect(closed).toBe(false);
    gate.open();
    await closing;
    expect((await read(fixture, long)).state).toBe('completed');
    await other.supervisor.close();
  });

  it('a closed worker starts no pool any more', async () => {
    const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]), content: providers('one') });
    await serves(rig, 'one');
    await rig.supervisor.close();
    await rig.publish(providers('one', 'two'));
    await waitFor(() => rig.registry.current.pools().length === 2, { describe: 'the second version' });
    expect(rig.supervisor.pools).toEqual(['one']);
  });
});

describe('concurrency', () => {
  async function submitAll(count: number): Promise<NewJob[]> {
    const jobs: NewJob[] = [];
    for (let i = 0; i < count; i++) jobs.push(await submit(fixture, newJob()));
    return jobs;
  }

  it('over two workers never exceeds the pool’s limit, and uses all of it', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    const content = limited({ concurrency: 3 });
    await startWorkerRig(fixture, { adapter, content });
    await startWorkerRig(fixture, { adapter, content });
    const jobs = await submitAll(30);
    for (let finished = 0; finished < 30; finished++) {
      const expected = Math.min(3, 30 - finished);
      await waitFor(() => gate.waiting === expected, { describe: `${expected} calls after ${finished} jobs` });
      gate.open(1);
    }
    for (const job of jobs) expect((await ended(fixture, job)).state).toBe('completed');
    expect(adapter.mostInFlight).toBe(3);
  });

  it('without a limit is each worker’s own', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    await startWorkerRig(fixture, { adapter, concurrency: 2 });
    await startWorkerRig(fixture, { adapter, concurrency: 2 });
    await submitAll(8);
    await waitFor(() => gate.waiting === 4, { describe: '4 calls' });
    gate.open();
    await waitFor(() => gate.waiting === 4 && adapter.calls.length === 8, { describe: 'the other 4' });
    gate.open();
    await waitFor(() => adapter.inFlight === 0, { describe: 'the end' });
    expect(adapter.mostInFlight).toBe(4);
  });

  it('raised while calls run lets more of them run, and lowered fewer', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('x'))]);
    const rig = await startWorkerRig(fixture, { adapter, content: limited({ concurrency: 1 }) });
    const jobs = await submitAll(14);
    await waitFor(() => gate.waiting === 1, { describe: 'the one call' });
    await rig.publish(limited({ concurrency: 4 }));
    await waitFor(() => gate.waiting === 4, { describe: '4 calls' });
    expect(adapter.mostInFlight).toBe(4);

    await rig.publish(limited({ concurrency: 2 }));
    await waitFor(async () => (await fixture.queues.queueOf('acme').getGlobalConcurrency()) === 2, {
      describe: 'the limit',
    });
    gate.open();
    adapter.mostInFlight = 0;
    while (adapter.calls.length < 14) {
      await waitFor(() => gate.waiting === 2, { describe: '2 calls' });
      gate.open();
    }
    gate.open();
    for (const job of jobs) expect((await ended(fixture, job)).state).toBe('completed');
    expect(adapter.mostInFlight).toBe(2);

    await rig.publish(limited({}));
    await waitFor(async () => (await fixture.queues.queueOf('acme').getGlobalConcurrency()) === null, {
      describe: 'no limit',
    });
    await submitAll(5);
    await waitFor(() => gate.waiting === 5, { describe: '5 calls' });
    gate.open();
  });
});
