import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import process from 'node:process';
import { readProcesses } from '#platform/process-identity.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { ADMIN_TOKEN, AdminCalls } from './admin-calls.js';

const WORKERS = 3;
/** The promise is a second, and the figure is printed; a machine that is busy with other things may be late. */
const TOLERATED_MS = 15_000;

interface Job {
  id: string;
  state: string;
  model: string | null;
  provider: string | null;
  waiting_for?: { reason: string; model: string; provider: string };
}

let stack: Stack;
let redis: RedisClient;
const admin = new AdminCalls(() => stack);

beforeAll(async () => {
  stack = await startStack({
    database: 'postgres',
    workers: WORKERS,
    env: { TOKENHUB_ADMIN_TOKEN: ADMIN_TOKEN },
  });
  redis = connectRedis({ kind: 'single', url: stack.redis.url }, { name: 'test', whenAway: 'wait' });
  redis.on('error', () => undefined);
}, 120_000);

afterAll(async () => {
  redis.disconnect();
  await stack.stop();
});

const provider = (id: string, change: object = {}): object => ({
  ...{ id, type: 'openai', base_url: `${stack.simulatorUrl}/v1`, credential: { source: 'none' } },
  ...change,
});
const model = (id: string, of: string, change: object = {}): object => ({
  ...{ id, provider: of, upstream_model: 'sim-small', kinds: ['chat'] },
  ...change,
});

async function post(request: object, policy: object = {}): Promise<Job> {
  const body = { type: 'chat', request: { messages: [{ role: 'user', content: 'Say it.' }], ...request }, policy };
  const answer = await fetch(`${stack.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  expect(answer.status).toBe(202);
  return (await answer.json()) as Job;
}

const read = async ({ id }: Pick<Job, 'id'>): Promise<Job> =>
  (await (await fetch(`${stack.url}/v1/jobs/${id}`)).json()) as Job;

async function ended(job: Job): Promise<Job> {
  await waitFor(async () => (await read(job)).state === 'completed', {
    describe: `the end of ${job.id}`,
  });
  return read(job);
}

/** How long until every worker says so, from the call that made the change on. */
async function reaches(change: Promise<unknown>, what: string, says: (pools: string[]) => boolean): Promise<void> {
  const from = performance.now();
  await change;
  await waitFor(
    async () => {
      const workers = (await readProcesses(redis)).filter(({ role }) => role === 'worker');
      return workers.length === WORKERS && workers.every(({ pools }) => says(pools ?? []));
    },
    { timeoutMs: TOLERATED_MS, describe: `${what} to reach ${WORKERS} workers` },
  );
  process.stdout.write(`${what} reached ${WORKERS} workers in ${Math.round(performance.now() - from)} ms\n`);
}

/** When a change was made at which all three workers have looked, as they log it. */
const logged = (line: string): number =>
  stack.workers.filter((worker) => worker.lines.some((one) => one.includes(line))).length;

describe('a change reaches every worker without a restart', () => {
  it('a new provider and a model with limits of its own are served', async () => {
    await reaches(admin.do('POST', 'providers', { body: provider('new') }), 'a new provider', (pools) =>
      pools.includes('new'),
    );
    await reaches(
      admin.do('POST', 'models', { body: model('new-model', 'new', { limits: { concurrency: 2 } }) }),
      'a new model with a pool of its own',
      (pools) => pools.includes('new/new-model'),
    );
    expect(logged('"pool":"new/new-model"')).toBe(WORKERS);
    expect(await ended(await post({ model: 'new-model' }))).toMatchObject({ model: 'new-model', provider: 'new' });
  });

  it('a changed limit holds back what comes after it, and lets it go when it is lifted', async () => {
    await admin.do('POST', 'providers', { body: provider('tight') });
    await admin.do('POST', 'models', { body: model('tight-model', 'tight') });
    await ended(await post({ model: 'tight-model' }));
    await admin.do('PATCH', 'providers/tight', { body: { limits: { rpm: 1 } } });
    // One a minute: of many, most cannot be due for a while.
    const jobs = await Promise.all(Array.from({ length: 6 }, () => post({ model: 'tight-model' })));
    const done = async (): Promise<number> =>
      (await Promise.all(jobs.map(read))).filter(({ state }) => state === 'completed').length;
    await waitFor(async () => (await done()) > 0, { describe: 'one of them' });
    expect(await done()).toBeLessThan(3);
    await admin.do('PATCH', 'providers/tight', { body: { limits: null } });
    const later = await post({ model: 'tight-model' });
    expect((await ended(later)).model).toBe('tight-model');
  });

  it('a disabled provider is served by nobody, and by all when it is enabled again', async () => {
    await admin.do('PUT', 'providers/off', { body: provider('off') });
    await reaches(
      admin.do('PATCH', 'providers/off', { body: { enabled: false } }),
      'disabling a provider',
      (pools) => !pools.includes('off'),
    );
    await reaches(admin.do('PATCH', 'providers/off', { body: { enabled: true } }), 'enabling it', (pools) =>
      pools.includes('off'),
    );
  });
});

describe('what waits when its provider is disabled', () => {
  it('goes to another candidate, or waits with the reason and runs when the provider is enabled', async () => {
    for (const id of ['first', 'second']) await admin.do('POST', 'providers', { body: provider(id) });
    // The first is so slow by its limit that its jobs wait.
    await admin.do('PATCH', 'providers/first', { body: { limits: { rpm: 4 } } });
    await admin.do('POST', 'models', { body: model('first-model', 'first', { weight: 9 }) });
    await admin.do('POST', 'models', { body: model('second-model', 'second', { weight: 1 }) });
    const used = await ended(await post({ model: 'first-model' }));
    expect(used.provider).toBe('first');
    const alone = await Promise.all([1, 2].map(() => post({ model: 'first-model' })));
    const both = await Promise.all(
      [1, 2, 3].map(() => post({}, { models: ['first-model', 'second-model'], fallback: true })),
    );
    await admin.do('PATCH', 'providers/first', { body: { enabled: false } });
    for (const job of both) await ended(job);
    const [waiting] = alone as [Job, Job];
    await waitFor(
      async () => (await read(waiting)).waiting_for !== undefined || (await read(waiting)).state === 'completed',
      {
        describe: 'the reason',
      },
    );
    const open = [];
    for (const job of alone) if ((await read(job)).state !== 'completed') open.push(job);
    expect(open.length).toBeGreaterThan(0);
    for (const job of open) {
      expect((await read(job)).waiting_for).toStrictEqual({
        ...{ reason: 'disabled', model: 'first-model', provider: 'first' },
      });
    }
    const fresh = await fetch(`${stack.url}/v1/route/explain`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content: 'x' }] } }),
    });
    const { excluded } = (await fresh.json()) as { excluded: { model: string; reason: string; detail: string }[] };
    expect(excluded).toContainEqual({
      ...{ model: 'first-model', reason: 'disabled', detail: 'Its provider first is disabled.' },
    });
    await admin.do('PATCH', 'providers/first', { body: { enabled: true, limits: null } });
    for (const job of open) expect((await ended(job)).provider).toBe('first');
  }, 90_000);
});

describe('stored settings', () => {
  it('outlive every process, and come back into a Redis that has lost them', async () => {
    await admin.do('PUT', 'models/kept', { body: model('kept', 'simulator', { weight: 3 }) });
    await redis.del('{th}:registry');
    await waitFor(async () => ((await redis.hget('{th}:registry', 'content')) ?? '').includes('"kept"'), {
      describe: 'the registry to be published again',
    });
    const another = await stack.startApi();
    const answer = await fetch(`${another.url}/v1/models/kept`);
    expect(answer.status).toBe(200);
    await another.stop();
  });

  it('with the database away are still served, also by an API that starts then, and cannot be changed', async () => {
    await admin.do('PUT', 'models/served', { body: model('served', 'simulator') });
    await stack.database?.kill();
    const refused = await admin.send('PUT', 'models/other', { body: model('other', 'simulator') });
    expect(refused).toMatchObject({ status: 503, body: { code: 'store_unavailable' } });
    expect(refused.headers.get('retry-after')).not.toBeNull();
    const another = await stack.startApi();
    expect((await fetch(`${another.url}/v1/models/served`)).status).toBe(200);
    expect((await ended(await post({ model: 'served' }))).model).toBe('served');
    await stack.database?.restart();
    await waitFor(
      async () => (await admin.send('PUT', 'models/other', { body: model('other', 'simulator') })).status < 300,
      {
        describe: 'the database to be back',
      },
    );
    await waitFor(async () => (await fetch(`${another.url}/v1/models/other`)).status === 200, {
      describe: 'the change to reach the other API',
    });
    await another.stop();
  });
});
