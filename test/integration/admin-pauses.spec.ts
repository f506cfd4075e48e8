import { once } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AuditLog } from '#audit/audit-log.js';
import type { Model } from '#contracts/registry-snapshot.js';
import { AdminPauses, type AdminPause } from '#limits/admin-pauses.js';
import { Leases } from '#limits/leases.js';
import { LimitUsage } from '#limits/limit-usage.js';
import { PoolPauses } from '#limits/pool-pauses.js';
import { Tickets } from '#limits/tickets.js';
import { keys } from '#platform/keys.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';
import { waitFor } from '#testing/wait-for.js';
import { PoolAdmin } from '../../apps/api/src/admin/pools/pool-admin.js';
import { movePass } from './support/move-pass.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, fails, Gate } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit, type WorkerRig } from './support/worker-rig.js';

const fixture = new RedisFixture();
const content = registryContent({ providers: [provider('acme')], models: [model('small')] });
const SMALL = { model: 'small', provider: 'acme', pool: 'acme' };
const one = { candidates: [SMALL] };
let pauses: AdminPauses;

beforeEach(() => {
  pauses = new AdminPauses(fixture.redis);
});

const pausedFor = (ms: number | null): AdminPause => ({
  ...{ sinceMs: Date.now(), untilMs: ms === null ? null : Date.now() + ms, reason: 'maintenance', actor: 'token' },
});
/** As the admin API does it. */
async function pause(ms: number | null = null): Promise<void> {
  await pauses.pause('acme', pausedFor(ms));
  await fixture.queues.setPaused('acme', true);
}
async function resume(): Promise<void> {
  await pauses.resume('acme');
  await fixture.queues.setPaused('acme', false);
}
const isPaused = async (): Promise<boolean> => (await fixture.queues.pausedOf(['acme'])).has('acme');
const seen = (rig: WorkerRig, reason: string | null): Promise<unknown> =>
  waitFor(() => temporaryReasonOf(SMALL, rig.views.views) === reason, { describe: reason ?? 'an open pool' });

describe('a pool that an administrator paused', () => {
  it('gives no attempt to any worker, lets calls under way end, and goes on when it is resumed', async () => {
    const gate = new Gate();
    const adapter = new ScriptedAdapter([gate.turn(answers('slow')), answers('x')]);
    const [rig] = await Promise.all([1, 2].map(() => startWorkerRig(fixture, { adapter, content, concurrency: 3 })));
    if (!rig) throw new Error('no rig');
    const slow = await submit(fixture, newJob({ plan: one }));
    await waitFor(() => gate.waiting === 1, { describe: 'the slow call' });
    await pause();
    const jobs = await Promise.all(Array.from({ length: 5 }, () => submit(fixture, newJob({ plan: one }))));
    await seen(rig, 'pool_paused');
    gate.open();
    expect((await ended(fixture, slow)).state).toBe('completed');
    // What a worker would have taken it would have taken when that call ended.
    expect(adapter.calls.length).toBe(1);
    expect((await fixture.queues.depthOf('acme')).waiting).toBe(5);
    const resumedAt = Date.now();
    await resume();
    const records = await Promise.all(jobs.map((job) => ended(fixture, job)));
    expect(Math.min(...records.map(({ startedAt }) => startedAt ?? 0))).toBeGreaterThanOrEqual(resumedAt);
    await seen(rig, null);
  });

  it('opens by itself when its time is over, with nobody there who paused it', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content });
    await pause(700);
    const { untilMs } = (await pauses.read()).get('acme') ?? {};
    const record = await ended(fixture, await submit(fixture, newJob({ plan: one })));
    expect(record.startedAt).toBeGreaterThanOrEqual(untilMs ?? Infinity);
    expect(await isPaused()).toBe(false);
  });

  it('stays paused through a restart of every worker, and where only the queue has forgotten it', async () => {
    await pause();
    await fixture.redis.hdel(keys.poolMeta('acme'), 'paused');
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content });
    await waitFor(isPaused, { describe: 'the queue to be held back again' });
    await submit(fixture, newJob({ plan: one }));
    expect((await fixture.queues.depthOf('acme')).waiting).toBe(1);
  });

  it('gives nothing to a worker that has just heard of the pool, though the queue has forgotten the pause', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const others = registryContent({ providers: [provider('bolt')], models: [model('large')] });
    const rig = await startWorkerRig(fixture, { adapter, content: others });
    await pauses.pause('acme', pausedFor(null));
    const job = await submit(fixture, newJob({ plan: one }));
    await rig.publish(content);
    await waitFor(() => rig.supervisor.pools.includes('acme'), { describe: 'the pool to be served' });
    expect(await isPaused()).toBe(true);
    await seen(rig, 'pool_paused');
    expect(adapter.calls.length).toBe(0);
    await resume();
    expect((await ended(fixture, job)).state).toBe('completed');
  });

  it('runs nothing that a worker takes as Redis is back and has lost what the queue knew', async () => {
    const adapter = new ScriptedAdapter([answers('x')]);
    const redis = fixture.connect();
    const rig = await startWorkerRig(fixture, { adapter, content, parts: { redis } });
    await waitFor(() => rig.supervisor.pools.includes('acme'), { describe: 'the pool to be served' });
    // What it knows of the pauses it will not read by chance.
    rig.views.stop();
    const back = once(redis, 'ready');
    redis.disconnect(true);
    // The worker asks for it as soon as it can, and knows of no pause yet.
    await pauses.pause('acme', pausedFor(null));
    const job = await submit(fixture, newJob({ plan: one }));
    await back;
    await seen(rig, 'pool_paused');
    await waitFor(async () => (await fixture.queues.depthOf('acme')).active === 0, { describe: 'what was taken back' });
    expect(adapter.calls.length).toBe(0);
    await resume();
    await rig.views.refresh();
    expect((await ended(fixture, job)).state).toBe('completed');
  });

  it.each(['{', 'null', '"soon"', '{"untilMs":"tomorrow"}'])(
    'holds its own pool alone where its entry is %s',
    async (entry) => {
      await fixture.redis.hset(keys.adminPauses(), 'acme', entry);
      const adapter = new ScriptedAdapter([answers('x'), answers('x')]);
      const rig = await startWorkerRig(fixture, { adapter, content: registryContent() });
      const held = await submit(fixture, newJob({ plan: one }));
      const large = { model: 'large', provider: 'bolt', pool: 'bolt' };
      expect((await ended(fixture, await submit(fixture, newJob({ plan: { candidates: [large] } })))).state).toBe(
        'completed',
      );
      await seen(rig, 'pool_paused');
      expect((await pauses.read()).get('acme')?.reason).toMatch(/cannot be read/);
      expect(adapter.calls.length).toBe(1);
      await resume();
      expect((await ended(fixture, held)).state).toBe('completed');
    },
  );

  it('is let go where its process ended before the queue was told', async () => {
    await pause();
    await pauses.resume('acme');
    const adapter = new ScriptedAdapter([answers('x')]);
    await startWorkerRig(fixture, { adapter, content });
    expect((await ended(fixture, await submit(fixture, newJob({ plan: one })))).state).toBe('completed');
  });

  it('is neither lengthened nor ended by refusals of its provider, and does not end their pause', async () => {
    const refusals = new PoolPauses(fixture.redis);
    const until = async (): Promise<number> => (await refusals.read(['acme']))[0]?.pausedUntil ?? 0;
    await pause(5_000);
    const before = await pauses.read();
    await refusals.pause('acme', { retryAfterMs: 20_000, ageMs: 0 });
    await refusals.relax('acme');
    await refusals.reopen('acme');
    expect(await pauses.read()).toEqual(before);
    expect(await isPaused()).toBe(true);
    const refusedUntil = await until();
    await resume();
    expect(Math.abs((await until()) - refusedUntil)).toBeLessThan(1_000);
  });

  it('is not seen as open when a refusal is noted meanwhile', async () => {
    const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]), content });
    await pause();
    await seen(rig, 'pool_paused');
    rig.views.notePause('acme', { pausedUntil: 0, strikes: 0 });
    expect(temporaryReasonOf(SMALL, rig.views.views)).toBe('pool_paused');
    expect(rig.views.pausedUntil('acme')).toBe(Infinity);
    expect(rig.views.views.load.pools.get('acme')?.expectedWaitMs).toBeLessThanOrEqual(30_000);
  });

  it('takes back what a worker had taken and not sent, and loses nothing of it', async () => {
    const refused = new Gate();
    const adapter = new ScriptedAdapter([refused.turn(fails('transient')), answers('x')]);
    const rig = await startWorkerRig(fixture, { adapter, content });
    const job = await submit(fixture, newJob({ plan: one }));
    await waitFor(() => refused.waiting === 1, { describe: 'the call' });
    await pause();
    await seen(rig, 'pool_paused');
    refused.open();
    await waitFor(async () => (await fixture.queues.depthOf('acme')).active === 0, {
      describe: 'the attempt given back',
    });
    expect(adapter.calls.length).toBe(1);
    await resume();
    expect((await ended(fixture, job)).state).toBe('completed');
  });

  it('gives its jobs to another open candidate, as one that its provider closed for long', async () => {
    const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([answers('x')]) });
    await pause();
    await seen(rig, 'pool_paused');
    const job = await submit(fixture, newJob({ plan: { maxAttempts: 1 } }));
    expect(await movePass(fixture, rig)).toBe(1);
    expect(await ended(fixture, job)).toMatchObject({ state: 'completed', attempts: [{ model: 'large' }] });
  });
});

describe('what is used of limits', () => {
  it('of a provider whose models have pools of their own is what is in flight in all of them', async () => {
    const usedOf = async (models: Model[]) => {
      const providers = [provider('acme', { limits: { concurrency: 4 } })];
      const shared = registryContent({ providers, models });
      const rig = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]), content: shared, pools: false });
      const { redis, queues, onError } = fixture;
      const { registry, views } = rig;
      const admin = new PoolAdmin({
        ...{ redis, registry, queues, views, onError, adminPauses: pauses, pauses: new PoolPauses(redis) },
        ...{ usage: new LimitUsage(redis), audit: new AuditLog({ db: null, writeLine: () => undefined }) },
      });
      return (await admin.read('acme')).limits;
    };
    const leases = new Leases(fixture.redis, fixture.onError);
    for (const call of ['one', 'two', 'three']) {
      const lease = await leases.take('acme', 4, call);
      fixture.after(() => lease?.release());
    }
    const inFlight = { scope: 'acme', rule: 'concurrency', limit: 4 };
    expect(await usedOf([model('small'), model('own', { limits: { concurrency: 2 } })])).toEqual([
      { ...inFlight, used: 3 },
    ]);
    expect(await usedOf([model('small')])).toEqual([{ ...inFlight, used: 0 }]);
  });

  it('is what tickets charged in the last minute, and of a day its part', async () => {
    const limits = { rpm: 600, tpm: 60_000, rpd: 1_000 };
    const scopes = [{ id: 'acme', limits }];
    const tickets = new Tickets(fixture.redis);
    for (let i = 0; i < 5; i++) {
      await tickets.take('acme', { scopes, cost: { tokens: 100, inputTokens: 60, outputTokens: 40 } });
    }
    expect(await new LimitUsage(fixture.redis).read(scopes)).toEqual([
      { scope: 'acme', rule: 'rpm', limit: 600, used: 5 },
      { scope: 'acme', rule: 'rpd', limit: 1_000, used: 5 },
      { scope: 'acme', rule: 'tpm', limit: 60_000, used: 500 },
    ]);
    expect(await new LimitUsage(fixture.redis).read([])).toEqual([]);
  });
});
