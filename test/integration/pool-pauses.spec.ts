import { beforeEach, describe, expect, it } from '@jest/globals';
import { PAUSE_MS, PoolPauses } from '#limits/pool-pauses.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { movePass } from './support/move-pass.js';
import { newJob, runOf } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, fails, Gate } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit, type WorkerRig, payloadOf } from './support/worker-rig.js';

const fixture = new RedisFixture();
let pauses: PoolPauses;

beforeEach(() => {
  pauses = new PoolPauses(fixture.redis);
});

const SMALL = { model: 'small', provider: 'acme', pool: 'acme' };

const leftOf = async (): Promise<number> => {
  const [reading] = await pauses.read(['acme']);
  return Math.max((reading?.pausedUntil ?? 0) - Date.now(), 0);
};
const pause = (retryAfterMs: number | null, ageMs = 0) => pauses.pause('acme', { retryAfterMs, ageMs });
/** As if the refusals so far had happened long ago. */
const strikesAge = () => fixture.redis.hset(keys.poolStrikes('acme'), 'at', 0);

describe('a pause', () => {
  it.each<[string, number | null, number]>([
    ['lasts as long as the provider asked', 4_000, 4_000],
    ['is bounded below', 1, PAUSE_MS.least],
    ['is bounded above, however absurd the time', 86_400_000, PAUSE_MS.most],
    ['lasts a second where the provider named no time', null, PAUSE_MS.usual],
  ])('%s', async (_name, asked, expected) => {
    await pause(asked);
    const left = await leftOf();
    expect(left).toBeLessThanOrEqual(expected);
    expect(left).toBeGreaterThan(expected * 0.2);
  });

  it('only ever lengthens', async () => {
    await pause(5_000);
    await pause(300);
    expect(await leftOf()).toBeGreaterThan(4_000);
    await pause(9_000);
    expect(await leftOf()).toBeGreaterThan(8_000);
  });

  it('doubles with each refusal in a row, whatever the provider asks, up to the bound', async () => {
    const lengths = [];
    for (let i = 0; i < 9; i++) {
      await fixture.redis.del(keys.poolPause('acme'));
      const { pausedUntil } = await pause(1);
      lengths.push(Math.ceil((pausedUntil - Date.now()) / 250) * 250);
      await strikesAge();
    }
    expect(lengths).toEqual([250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
  });

  it('counts refusals of requests that were in flight together as one', async () => {
    await pause(300);
    for (let i = 0; i < 20; i++) expect((await pause(300, 5_000)).strikes).toBe(1);
  });

  it('starts small again after the provider served', async () => {
    for (let i = 0; i < 5; i++) {
      await pause(1);
      await strikesAge();
    }
    await pauses.relax('acme');
    expect((await pause(1)).strikes).toBe(1);
  });
});

describe('a paused pool', () => {
  const one = { candidates: [SMALL] };
  const content = registryContent({ providers: [provider('acme')], models: [model('small')] });

  it('gives no attempt to any worker until the pause is over', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content });
    await ended(fixture, await submit(fixture, newJob({ plan: one })));
    const { pausedUntil } = await pause(700);
    const jobs = await Promise.all(Array.from({ length: 10 }, () => submit(fixture, newJob({ plan: one }))));
    const records = await Promise.all(jobs.map((job) => ended(fixture, job)));
    expect(Math.min(...records.map(({ startedAt }) => startedAt ?? 0))).toBeGreaterThanOrEqual(pausedUntil - 20);
  });

  it('is taken from again when the pause is over, although a call from before still runs', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('slow')), fails('rate_limited'), answers('x')]);
    await startWorkerRig(fixture, { adapter, content, concurrency: 3 });
    const slow = await submit(fixture, newJob({ plan: one }));
    await waitFor(() => gate.waiting === 1, { describe: 'the slow call' });
    const refused = await submit(fixture, newJob({ plan: one }));
    await waitFor(() => adapter.calls.length === 2, { describe: 'the refused call' });
    const late = await submit(fixture, newJob({ plan: one }));
    expect((await ended(fixture, late)).state).toBe('completed');
    expect((await ended(fixture, refused)).state).toBe('completed');
    expect((await fixture.store.read(slow.id))?.state).toBe('in_progress');
    gate.open();
    expect((await ended(fixture, slow)).state).toBe('completed');
  });

  it('does not hold up a job that has another candidate', async () => {
    const adapter = new ScriptedAdapter([fails('rate_limited', { retryAfterMs: 20_000 }), answers('x')]);
    await startWorkerRig(fixture, { adapter });
    const record = await ended(fixture, await submit(fixture, newJob()));
    expect(record.attempts.map(({ model: id, state }) => [id, state])).toEqual([
      ['small', 'failed'],
      ['large', 'completed'],
    ]);
  });
});

describe('an attempt that waits in a paused pool', () => {
  const pausedFor = async (ms: number, rig: WorkerRig): Promise<void> => {
    rig.views.notePause('acme', await pause(ms));
  };

  it('moves to another open candidate of its job, uses up no attempt and goes on waiting since it was enqueued', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const rig = await startWorkerRig(fixture, { adapter });
    await pausedFor(20_000, rig);
    const job = await submit(fixture, newJob({ plan: { maxAttempts: 1 } }));
    expect(await movePass(fixture, rig)).toBe(1);
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'completed', attempts: [{ n: 2, model: 'large' }] });
    expect(adapter.asked).toEqual(['upstream-large']);
    expect(await fixture.queues.waiting('acme', 10)).toEqual([]);
  });

  it('stays when its job has no other candidate, when that one is closed too, and when the pause is short', async () => {
    const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]) });
    await pausedFor(20_000, rig);
    // From here on it knows what it is told alone.
    rig.views.stop();
    const alone = await submit(fixture, newJob({ plan: { candidates: [SMALL] } }));
    expect(await movePass(fixture, rig)).toBe(0);
    rig.views.notePause('bolt', { pausedUntil: Date.now() + 20_000, strikes: 1 });
    const both = await submit(fixture, newJob());
    expect(await movePass(fixture, rig)).toBe(0);
    rig.views.notePause('bolt', { pausedUntil: 0, strikes: 0 });
    rig.views.notePause('acme', { pausedUntil: Date.now() + 1_000, strikes: 1 });
    expect(await movePass(fixture, rig)).toBe(0);
    expect((await fixture.queues.waiting('acme', 10)).map(({ payload }) => payload?.jobId)).toEqual([
      alone.id,
      both.id,
    ]);
  });

  it('is not moved once it has begun', async () => {
    const job = newJob();
    await fixture.store.create(job);
    await fixture.begin(runOf(job, 'a'));
    const before = await fixture.snapshot();
    expect(await fixture.unfinished.move(payloadOf(job, 1), 1)).toBeNull();
    expect(await fixture.snapshot()).toEqual(before);
  });
});

describe('endless refusals', () => {
  it.each([
    ['one candidate, which asks for a millisecond', 1, [SMALL]],
    ['two candidates, which name no time', undefined, undefined],
  ])('of %s cost a job at most four requests in three seconds', async (_name, retryAfterMs, candidates) => {
    const adapter = new ScriptedAdapter([fails('rate_limited', { retryAfterMs })]);
    await startWorkerRig(fixture, { adapter });
    const askedAt: number[] = [];
    const execute = adapter.execute.bind(adapter);
    adapter.execute = (call) => {
      askedAt.push(performance.now());
      return execute(call);
    };
    const job = await submit(fixture, newJob({ plan: candidates ? { candidates } : {} }));
    await waitFor(() => askedAt.length > 0 && performance.now() - (askedAt[0] ?? 0) > 3_000, {
      describe: 'three seconds',
    });
    expect(askedAt.filter((at) => at - (askedAt[0] ?? 0) < 3_000).length).toBeLessThanOrEqual(4);
    await fixture.store.cancel(job.id);
  });
});
