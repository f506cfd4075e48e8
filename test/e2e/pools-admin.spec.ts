import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ADMIN_TOKEN, AdminCalls } from './admin-calls.js';
import { ask, chatJob, type Job, type Json, post, read, SimulatorControl, untilState } from './doors.js';

/** The promise is a second; a machine that is busy with other things may be late. */
const TOLERATED_MS = 15_000;
const HANG = { fault: { kind: 'hang' } };

interface Pool {
  id: string;
  paused: boolean;
  paused_until: string | null;
  depth: { waiting: number; active: number; delayed: number };
  admin_pause: { reason: string | null; until: string | null } | null;
  limits: { scope: string; rule: string; limit: number; used: number; utilisation: number }[];
}

let stack: Stack;
let simulator: SimulatorControl;
const admin = new AdminCalls(() => stack);
const other = new AdminCalls(() => ({ url: stack.apis[1]?.url ?? '' }));

/** A model with limits of its own, whose pool has a slash in its id; `spare` is on another provider. */
function withPools(simulatorUrl: string): StackConfig {
  const config = simulatorConfig(simulatorUrl) as { providers: Json[]; models: Json[] } & StackConfig;
  const [provider] = config.providers;
  const [model] = config.models;
  return {
    ...config,
    providers: [provider, { ...provider, id: 'second', limits: { rpm: 6_000, concurrency: 4 } }],
    models: [
      ...config.models,
      { ...model, id: 'own', weight: 0, limits: { rpm: 600, tpm: 60_000, concurrency: 2 } },
      { ...model, id: 'spare', weight: 0, provider: 'second', upstream_model: 'sim-small' },
    ],
  };
}

beforeAll(async () => {
  stack = await startStack({
    ...{ appendfsync: 'always', apis: 2, workers: 2, config: withPools },
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN },
  });
  simulator = new SimulatorControl(stack.simulatorUrl);
}, 120_000);

afterEach(async () => {
  for (const { id } of await pools()) await admin.do('POST', `pools/${id}/resume`);
  await simulator.reset();
});

afterAll(() => stack.stop());

async function pools(of = admin): Promise<Pool[]> {
  return (await of.do('GET', 'pools')).body.data as Pool[];
}
async function pool(id: string, of = admin): Promise<Pool> {
  return (await of.do('GET', `pools/${id}`)).body as unknown as Pool;
}
const pause = (id: string, body: Json = {}) => admin.do('POST', `pools/${id}/pause`, { body });
const on = (model: string, more: Json = {}): Json => chatJob({ ...more, request: { model } });

describe('a list of pools', () => {
  it('has each pool of the registry with what waits, runs and is used in it', async () => {
    expect((await pools()).map(({ id }) => id)).toEqual(['second', 'simulator', 'simulator/own']);
    expect(await pool('simulator/own')).toMatchObject({
      ...{ object: 'pool', provider: 'simulator', model: 'own', enabled: true, workers: 2 },
      ...{ depth: { waiting: 0, active: 0, delayed: 0 }, oldest_waiting_seconds: null },
      ...{ paused: false, paused_until: null, admin_pause: null, provider_pause: null },
      ...{ health: { state: 'up', failure_rate: 0 }, model_health: { state: 'up' } },
    });
    const blockers = await Promise.all([1, 2].map(() => post(stack.url, chatJob({ request: { model: 'own' } }, HANG))));
    await simulator.until(({ in_flight }) => in_flight === 2);
    const waiting = await post(stack.url, on('own'));
    await waitFor(async () => (await pool('simulator/own', other)).depth.waiting === 1, { describe: 'one that waits' });
    const { depth, limits } = await pool('simulator/own');
    expect(depth).toEqual({ waiting: 1, active: 2, delayed: 0 });
    const used = limits.map(({ scope, rule, limit, used: of }) => [scope, rule, limit, of]);
    expect(used).toEqual([
      ['simulator/own', 'rpm', 600, 2],
      ['simulator/own', 'tpm', 60_000, expect.any(Number)],
      ['simulator/own', 'concurrency', 2, 2],
    ]);
    expect(limits[2]?.utilisation).toBe(1);
    for (const job of [...blockers, waiting]) await ask(`${stack.url}${job.urls.cancel}`, { method: 'POST' });
  });

  it.each([
    ['GET', 'pools/none', undefined, 404, 'pool_not_found'],
    ['POST', 'pools/none/resume', undefined, 404, 'pool_not_found'],
    ['POST', 'pools/second/pause', { for_seconds: 0 }, 400, 'invalid_value'],
    ['POST', 'pools/second/pause', { for_seconds: 1.5 }, 400, 'invalid_type'],
    ['POST', 'pools/second/pause', { reason: 'x'.repeat(201) }, 400, 'invalid_value'],
    ['POST', 'pools/second/pause', { until: 'tomorrow' }, 400, 'unknown_parameter'],
    ['POST', 'pools/second/pause', [], 400, 'invalid_type'],
  ])('%s %s %j is refused', async (method, path, body, status, code) => {
    const answer = await admin.send(method, path, { body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await pool('second')).toMatchObject({ paused: false });
  });
});

describe('a pool that an administrator paused', () => {
  it('soon reaches every worker and every process, and is seen in the job that waits for it', async () => {
    const answer = await pause('second', { reason: 'new certificate', for_seconds: 3_600 });
    expect(answer.body).toMatchObject({ paused: true, admin_pause: { reason: 'new certificate', actor: 'token' } });
    const since = performance.now();
    const job = await post(stack.url, on('spare'));
    for (const api of stack.apis) {
      await waitFor(
        async () => {
          const seen = (await read(api.url, job.id)) as Job & { waiting_for?: Json };
          return seen.state === 'queued' && seen.waiting_for?.reason === 'pool_paused';
        },
        { describe: 'the job to say what it waits for' },
      );
    }
    expect(performance.now() - since).toBeLessThan(TOLERATED_MS);
    const { body } = await ask(`${stack.url}/v1/route/explain`, { body: on('spare') });
    expect(body.candidates).toMatchObject([{ model: 'spare', temporary: 'pool_paused' }]);
    expect(await pool('second', other)).toMatchObject({ paused: true, depth: { waiting: 1, active: 0 } });
    const resumedAt = Date.now();
    await other.do('POST', 'pools/second/resume');
    const done = await untilState(stack.url, job.id, ['completed']);
    expect(Date.parse(done.started_at ?? '')).toBeGreaterThanOrEqual(resumedAt - 1);
    expect(Date.parse(done.started_at ?? '') - resumedAt).toBeLessThan(TOLERATED_MS);
  });

  it('lets calls under way end', async () => {
    const slow = await post(stack.url, chatJob({ request: { model: 'spare' } }, HANG));
    await simulator.until(({ in_flight }) => in_flight === 1);
    await pause('second');
    expect(await pool('second')).toMatchObject({ paused: true, paused_until: null, depth: { active: 1 } });
    expect((await read(stack.url, slow.id)).state).toBe('in_progress');
    await ask(`${stack.url}${slow.urls.cancel}`, { method: 'POST' });
  });

  it('gives its jobs to another candidate that is open', async () => {
    await pause('simulator');
    const job = await post(stack.url, chatJob({ policy: { models: ['sim-small', 'spare'] } }));
    const done = await untilState(stack.url, job.id, ['completed']);
    expect(done.model).toBe('spare');
  });

  it('opens by itself when its time is over', async () => {
    await pause('second', { for_seconds: 1 });
    const job = await post(stack.url, on('spare'));
    await untilState(stack.url, job.id, ['completed']);
    expect(await pool('second')).toMatchObject({ paused: false, admin_pause: null });
  });

  it('stays paused when every worker and Redis are killed and start again', async () => {
    await pause('second', { reason: 'until Monday' });
    const job = await post(stack.url, on('spare'));
    await Promise.all(stack.workers.map((worker) => worker.kill()));
    await stack.redis.kill();
    await stack.redis.restart();
    await Promise.all([stack.startWorker(), stack.startWorker()]);
    await waitFor(async () => (await admin.send('GET', 'pools/second')).body.workers === 2);
    expect(await pool('second')).toMatchObject({ paused: true, admin_pause: { reason: 'until Monday' } });
    expect((await read(stack.url, job.id)).state).toBe('queued');
    await admin.do('POST', 'pools/second/resume');
    await untilState(stack.url, job.id, ['completed']);
  }, 90_000);
});
