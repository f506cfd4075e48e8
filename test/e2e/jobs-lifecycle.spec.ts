import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { simulatorConfig, type StackConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import {
  allEvents,
  ask,
  chat,
  chatJob,
  ENDED,
  footprint,
  type Job,
  type Json,
  post,
  read,
  SimulatorControl,
  untilState,
} from './doors.js';

let stack: Stack;
let simulator: SimulatorControl;
/** Both API processes of the one stack. */
let url: string;
let otherUrl: string;

/** No answer until the client leaves. */
const HANG = { fault: { kind: 'hang' } };
const WAIT = { prefer: 'wait=10' };

beforeAll(async () => {
  stack = await startStack({ apis: 2, appendfsync: 'no', config: withNarrowPool });
  simulator = new SimulatorControl(stack.simulatorUrl);
  url = stack.url;
  otherUrl = stack.apis[1]?.url ?? '';
});

afterAll(async () => {
  await stack.stop();
});

beforeEach(async () => {
  await simulator.reset();
});

/** One more model, in a pool of its own that runs one attempt at a time. */
function withNarrowPool(simulatorUrl: string): StackConfig {
  const config = simulatorConfig(simulatorUrl) as { models: Json[] } & StackConfig;
  const narrowModel = { ...config.models[0], id: 'narrow', weight: 0, limits: { concurrency: 1 } };
  return { ...config, models: [...config.models, narrowModel] };
}

/** A job that only the narrow pool can run. */
function narrowJob(more: Json, simulated?: Json): Json {
  return chatJob({ ...more, request: { model: 'narrow' } }, simulated);
}

/** Fills the narrow pool until the returned function is called. */
async function blockNarrowPool(): Promise<() => Promise<void>> {
  const { in_flight: before } = await simulator.counters();
  const blocker = await post(url, narrowJob({}, HANG));
  await simulator.until(({ in_flight }) => in_flight === before + 1);
  return async () => {
    await cancel(blocker);
  };
}

async function cancel(job: Job, api = url): ReturnType<typeof ask<Job>> {
  return ask<Job>(`${api}${job.urls.cancel}`, { method: 'POST' });
}

const inMs = (ms: number): string => new Date(Date.now() + ms).toISOString();

describe('cancelling', () => {
  it('ends a queued job at once, and its provider is never called', async () => {
    const release = await blockNarrowPool();
    const job = await post(url, narrowJob({}));
    const { status, body } = await cancel(job, otherUrl);
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'cancelled', result: null, error: { code: 'job_cancelled' }, attempts: [] });
    await release();
    // The pool has come to a later job: it has passed the cancelled one.
    expect((await post(url, narrowJob({}), WAIT)).state).toBe('completed');
    expect((await simulator.counters()).requests).toBe(2);
    expect((await allEvents(`${url}${job.urls.events}`)).map(({ type }) => type)).toEqual([
      'job.queued',
      'job.cancelled',
    ]);
  });

  it('drops the upstream connection of a running job, whichever process is asked', async () => {
    const job = await post(url, chatJob({}, HANG));
    await simulator.until(({ in_flight }) => in_flight === 1);
    const { status, body } = await cancel(job, otherUrl);
    expect(status).toBe(200);
    if (body.state !== 'cancelled') {
      expect(body).toMatchObject({ state: 'in_progress', cancel_requested_at: expect.stringMatching(/Z$/) as unknown });
    }
    await simulator.until(({ aborted, in_flight }) => aborted === 1 && in_flight === 0);
    const ended = await untilState(url, job.id, ENDED);
    expect(ended).toMatchObject({
      state: 'cancelled',
      error: { code: 'job_cancelled' },
      attempts: [{ state: 'cancelled' }],
    });
    const result = await ask(`${url}${job.urls.result}`);
    expect({ status: result.status, code: result.body.code }).toEqual({ status: 409, code: 'job_cancelled' });
  });

  it('is refused the second time, and no client retries that by itself', async () => {
    const job = await post(url, chatJob({}), WAIT);
    const { status, headers, body } = await ask(`${url}${job.urls.cancel}`, { method: 'POST' });
    expect({ status, code: body.code }).toEqual({ status: 409, code: 'job_finished' });
    expect(headers.get('x-should-retry')).toBe('false');
    expect((await read(url, job.id)).state).toBe('completed');
  });
});

describe('erasing', () => {
  it('leaves nothing of a finished job, and refuses an unfinished one', async () => {
    const before = await footprint(stack.redis.url);
    const job = await post(url, chatJob({ request: { stream: true } }, { ttft_ms: 3_000 }), {
      'idempotency-key': 'erased',
    });
    const early = await ask(`${url}${job.urls.self}`, { method: 'DELETE' });
    expect({ status: early.status, code: early.body.code }).toEqual({ status: 409, code: 'job_unfinished' });
    await untilState(url, job.id, ['completed']);

    const erased = await ask(`${otherUrl}${job.urls.self}`, { method: 'DELETE' });
    expect({ status: erased.status, text: erased.text }).toEqual({ status: 204, text: '' });
    for (const path of [job.urls.self, job.urls.result, job.urls.events]) {
      expect((await ask(`${url}${path}`)).body.code).toBe('job_not_found');
    }
    expect((await ask(`${url}${job.urls.self}`, { method: 'DELETE' })).status).toBe(404);
    const left = Object.keys(await footprint(stack.redis.url)).filter(
      (key) => !(key in before) && !key.includes(':pool.'),
    );
    expect(left).toEqual([]);
  });
});

describe('Idempotency-Key', () => {
  const withKey = (key: string, headers: Record<string, string> = {}): Record<string, string> => ({
    ...headers,
    'idempotency-key': key,
  });

  it('gives the same job while it runs and afterwards, and calls the provider once', async () => {
    const body = chatJob({}, { ttft_ms: 3_000 });
    const first = await ask<Job>(`${url}/v1/jobs`, { body, headers: withKey('again') });
    expect(first.headers.get('idempotent-replayed')).toBeNull();
    const running = await ask<Job>(`${otherUrl}/v1/jobs`, { body, headers: withKey('"again"') });
    expect(running.status).toBe(202);
    expect(running.body.state).not.toBe('completed');
    const waited = await ask<Job>(`${url}/v1/jobs`, { body, headers: withKey('again', WAIT) });
    const afterwards = await ask<Job>(`${otherUrl}/v1/jobs`, { body, headers: withKey('again') });
    for (const replay of [running, waited, afterwards]) {
      expect(replay.body.id).toBe(first.body.id);
      expect(replay.headers.get('idempotent-replayed')).toBe('true');
      expect(replay.headers.get('location')).toBe(first.body.urls.self);
    }
    expect(waited).toMatchObject({ status: 200, body: { state: 'completed' } });
    expect(afterwards.body.state).toBe('completed');
    expect((await simulator.counters()).requests).toBe(1);
  });

  it('makes one job of many posts at the same moment to both processes', async () => {
    const posts = Array.from({ length: 20 }, (_, i) => post(i % 2 ? url : otherUrl, chatJob(), withKey('crowd', WAIT)));
    const jobs = await Promise.all(posts);
    expect(new Set(jobs.map(({ id }) => id)).size).toBe(1);
    expect((await simulator.counters()).requests).toBe(1);
  });

  it('refuses another body with 422, whether the job runs or has ended', async () => {
    const job = await post(url, chatJob({}, { ttft_ms: 300 }), withKey('bodies'));
    const other = { body: chatJob({ metadata: { other: 'yes' } }), headers: withKey('bodies') };
    const refusals = [await ask(`${url}/v1/jobs`, other)];
    await untilState(url, job.id, ENDED);
    refusals.push(await ask(`${otherUrl}/v1/jobs`, other));
    for (const { status, headers, body } of refusals) {
      expect({ status, code: body.code }).toEqual({ status: 422, code: 'idempotency_conflict' });
      expect(headers.get('x-should-retry')).toBe('false');
    }
  });

  it('is a name per route: the same key elsewhere is another job', async () => {
    const job = await post(url, chatJob(), withKey('routes', WAIT));
    const synchronous = { body: chat(), headers: withKey('routes') };
    const first = await ask(`${url}/v1/chat/completions`, synchronous);
    const again = await ask(`${otherUrl}/v1/chat/completions`, synchronous);
    expect([first.status, again.status]).toEqual([200, 200]);
    expect(first.headers.get('x-tokenhub-job-id')).not.toBe(job.id);
    expect(again.headers.get('x-tokenhub-job-id')).toBe(first.headers.get('x-tokenhub-job-id'));
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.body).toEqual(first.body);
    const conflict = await ask(`${url}/v1/chat/completions`, { ...synchronous, body: chat({ user: 'other' }) });
    expect({ status: conflict.status, error: conflict.body.error }).toMatchObject({
      status: 422,
      error: { code: 'idempotency_conflict' },
    });
  });
});

describe('time', () => {
  it('expires a running job at its deadline and drops the upstream connection', async () => {
    const job = await post(url, chatJob({ timeout_ms: 3_000 }, HANG));
    expect(Math.abs(Date.parse(job.deadline) - Date.parse(job.created_at) - 3_000)).toBeLessThan(1_000);
    const ended = await untilState(url, job.id, ENDED);
    expect(ended).toMatchObject({
      state: 'expired',
      error: { code: 'job_expired' },
      attempts: [{ n: 1, state: 'expired' }],
    });
    expect(Date.parse(ended.finished_at ?? '')).toBeGreaterThanOrEqual(Date.parse(ended.deadline));
    await simulator.until(({ aborted }) => aborted === 1);
    const result = await ask(`${url}${job.urls.result}`);
    expect({ status: result.status, code: result.body.code }).toEqual({ status: 504, code: 'job_expired' });
    expect((await allEvents(`${url}${job.urls.events}`)).at(-1)?.type).toBe('job.expired');
  });

  it('expires a job that waits at its deadline, without calling a provider', async () => {
    const release = await blockNarrowPool();
    const job = await post(url, narrowJob({ deadline: inMs(400) }));
    // The reconciler comes by every two seconds.
    expect(await untilState(url, job.id, ENDED)).toMatchObject({
      state: 'expired',
      attempts: [],
      started_at: null,
    });
    await release();
    expect((await simulator.counters()).requests).toBe(1);
  });

  it('starts a job with not_before then and no earlier, and counts its timeout from there', async () => {
    const notBefore = inMs(900);
    const job = await post(url, chatJob({ not_before: notBefore, timeout_ms: 5_000 }));
    expect(job).toMatchObject({ state: 'queued', not_before: notBefore });
    expect(Date.parse(job.deadline)).toBe(Date.parse(notBefore) + 5_000);
    const ended = await untilState(url, job.id, ENDED);
    expect(ended.state).toBe('completed');
    expect(Date.parse(ended.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(notBefore));
  });

  it('lets a job of a higher class overtake those that wait', async () => {
    const release = await blockNarrowPool();
    const classes = ['low', 'low', 'normal', 'normal', 'high'];
    const jobs: Job[] = [];
    for (const priority of classes) jobs.push(await post(url, narrowJob({ policy: { priority } })));
    await release();
    const ended = await Promise.all(jobs.map(({ id }) => untilState(url, id, ENDED)));
    const order = ended
      .map((job, i) => ({ startedAt: Date.parse(job.started_at ?? ''), name: `${classes[i] ?? ''} ${i}` }))
      .sort((a, b) => a.startedAt - b.startedAt);
    expect(order.map(({ name }) => name)).toEqual(['high 4', 'normal 2', 'normal 3', 'low 0', 'low 1']);
  });
});

describe('POST /v1/route/explain', () => {
  it('shows the decision that such a job would get, writes nothing and calls nobody', async () => {
    const policy = { mode: 'cheap', min_weight: 3 };
    const before = await footprint(stack.redis.url);
    const { status, body } = await ask(`${url}/v1/route/explain`, { body: chatJob({ policy }) });
    expect(status).toBe(200);
    expect(await footprint(stack.redis.url)).toEqual(before);
    expect((await simulator.counters()).requests).toBe(0);

    const terms = {
      cost: expect.any(Number),
      latency: expect.any(Number),
      failure: expect.any(Number),
      weight: expect.any(Number),
    };
    const candidate = {
      provider: 'simulator',
      score: expect.any(Number),
      terms,
      estimated_cost_usd: expect.any(Number),
    };
    expect(body).toMatchObject({
      mode: 'cheap',
      reason: expect.stringMatching(/\S/) as unknown,
      candidates: [
        { model: 'sim-small', ...candidate },
        { model: 'sim-large', ...candidate },
      ],
    });
    const excluded = body.excluded as { model: string; reason: string; detail: string }[];
    expect(excluded.map(({ model, reason }) => `${model}: ${reason}`).sort()).toEqual([
      'narrow: weight',
      'sim-embedding: kind',
    ]);
    for (const { detail } of excluded) expect(detail).toMatch(/\S/);

    // Observed latencies go on moving after the jobs of the tests before: a pair of the same moment is the same.
    await waitFor(
      async () => {
        const explained = await ask(`${url}/v1/route/explain`, { body: chatJob({ policy }) });
        const job = await post(url, chatJob({ policy }), WAIT);
        return isDeepStrictEqual(job.decision.candidates, explained.body.candidates);
      },
      { describe: 'a job to get the decision that was explained' },
    );
  });

  it('shows the reason of each model when none is left, as 200: nothing was asked to run', async () => {
    const { status, body } = await ask(`${url}/v1/route/explain`, { body: chatJob({ policy: { min_weight: 10 } }) });
    expect(status).toBe(200);
    expect(body).toMatchObject({ candidates: [] });
    expect(body.excluded).toHaveLength(4);
  });
});
