import { beforeEach, describe, expect, it } from '@jest/globals';
import { HealthStore } from '#health/health-store.js';
import type { NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers, fails, Gate } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit, type Turn } from './support/worker-rig.js';

const fixture = new RedisFixture();
const SMALL = { model: 'small', provider: 'acme', pool: 'acme' };
const alone = { candidates: [SMALL] };

let health: HealthStore;

beforeEach(() => {
  health = new HealthStore(fixture.redis);
});

/** Five failures in a row: the provider is down for so long. */
const down = (id: string, coolDownMs = 30_000) =>
  health.report({ kind: 'provider', id }, { successes: 0, failures: 5, certain: false, ageMs: 0, coolDownMs });

const errorsAt = (id: string) => fixture.redis.hget(keys.health('provider', id), 'errors');
const content = (coolDownMs: number) => {
  const timeouts = { ...provider('acme').timeouts, coolDownMs };
  return registryContent({ providers: [provider('acme', { timeouts }), provider('bolt')] });
};

async function work(turns: Turn[], coolDownMs = 30_000): Promise<ScriptedAdapter> {
  const adapter = new ScriptedAdapter(turns);
  await startWorkerRig(fixture, { adapter, content: content(coolDownMs) });
  return adapter;
}

describe('a provider that is down', () => {
  it('is not called while the job has another candidate, which costs no attempt', async () => {
    await down('acme');
    const adapter = await work([answers('x')]);
    const record = await ended(fixture, await submit(fixture, newJob({ plan: { maxAttempts: 1 } })));
    expect(record).toMatchObject({ state: 'completed', attempts: [{ n: 2, model: 'large' }] });
    expect(adapter.asked).toEqual(['upstream-large']);
  });

  it('is waited for by a job that nobody attends, which is queued until then', async () => {
    await down('acme', 3_000);
    const adapter = await work([answers('x')], 3_000);
    const job = await submit(fixture, newJob({ plan: alone }));
    await waitFor(() => fixture.queues.queueOf('acme').getDelayedCount(), { describe: 'the wait' });
    expect((await fixture.store.read(job.id))?.state).toBe('queued');
    expect(adapter.calls).toHaveLength(0);
    const record = await ended(fixture, job);
    expect(record.state).toBe('completed');
    expect(record.attempts[0]?.waitedMs).toBeGreaterThanOrEqual(500);
    expect(await errorsAt('acme')).toBe('0');
  });

  it('is called all the same when somebody waits for the answer and there is nobody else', async () => {
    await down('acme');
    const adapter = await work([fails('transient', { code: 'still_down' })]);
    const record = await ended(fixture, await submit(fixture, newJob({ plan: { ...alone, attended: true } })));
    expect(record).toMatchObject({ state: 'failed', error: { code: 'still_down' } });
    expect(adapter.calls).toHaveLength(2);
  });

  it('is called by one job only when its cool-down has passed, until that one has answered', async () => {
    await down('acme', 1);
    const gate = new Gate();
    const adapter = await work([gate.turn(answers('x')), answers('x')], 60_000);
    const jobs: NewJob[] = [];
    for (let i = 0; i < 10; i++) jobs.push(await submit(fixture, newJob()));
    const probe = await waitFor(() => gate.waiting === 1 && adapter.asked.includes('upstream-small'), {
      describe: 'the probe',
    });
    expect(probe).toBe(true);
    const others = async () =>
      (await Promise.all(jobs.map((job) => fixture.store.read(job.id)))).filter((r) => r?.model === 'large');
    await waitFor(async () => (await others()).length === 9, { describe: 'the others at the other candidate' });
    expect(adapter.asked.filter((name) => name === 'upstream-small')).toHaveLength(1);
    gate.open();
    await waitFor(async () => (await errorsAt('acme')) === '0', { describe: 'the recovery' });
    expect((await ended(fixture, await submit(fixture, newJob()))).model).toBe('small');
  });
});

describe('what a failure says of the health', () => {
  it.each<[string, Turn, string | null]>([
    ['a transient one counts against the provider', fails('transient'), '2'],
    ['a provider fault counts against the provider', fails('provider_fault'), '1'],
    ['a model that the provider does not have does not', fails('provider_fault', { blames: 'model' }), null],
    ['one of ours does not', fails('transient', { blames: 'nobody' }), null],
    ['a rate limit does not', fails('rate_limited', { retryAfterMs: 20_000 }), null],
    ['a request that it refuses does not', fails('invalid_request'), null],
  ])('%s', async (_name, turn, errors) => {
    const adapter = new ScriptedAdapter([
      (call) => (call.upstreamModel === 'upstream-small' ? turn(call) : answers('x')(call)),
    ]);
    await startWorkerRig(fixture, { adapter });
    await ended(fixture, await submit(fixture, newJob()));
    expect(await errorsAt('acme')).toBe(errors);
  });

  it('a model that the provider does not have is left alone, the provider’s other models are not', async () => {
    const models = [model('small'), model('other', { provider: 'acme' }), model('large')];
    const adapter = new ScriptedAdapter([fails('provider_fault', { blames: 'model' }), answers('x')]);
    await startWorkerRig(fixture, { adapter, content: registryContent({ models }) });
    const candidates = [SMALL, { model: 'other', provider: 'acme', pool: 'acme' }];
    for (let i = 0; i < 2; i++) await ended(fixture, await submit(fixture, newJob({ plan: { candidates } })));
    expect(adapter.asked).toEqual(['upstream-small', 'upstream-other', 'upstream-other']);
  });
});
