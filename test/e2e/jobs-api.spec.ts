import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { type Stack, startStack } from '#testing/stack.js';
import {
  allEvents,
  answerOf,
  ask,
  chatJob,
  contentOf,
  ENDED,
  eventsOf,
  type Job,
  type Json,
  post,
  read,
  type ServerEvent,
  SimulatorControl,
  untilState,
} from './doors.js';

let stack: Stack;
let simulator: SimulatorControl;
/** Both API processes of the one stack. */
let url: string;
let otherUrl: string;

/** The output of a streamed answer over about two and a half seconds. */
const SLOW_STREAM = { tokens_per_second: 20, output_tokens: 50 };

beforeAll(async () => {
  stack = await startStack({ apis: 2, appendfsync: 'no' });
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

describe('POST /v1/jobs', () => {
  it('answers 202 with the job, where it is and when to come back', async () => {
    const { status, headers, body } = await ask<Job>(`${url}/v1/jobs`, { body: chatJob() });
    expect(status).toBe(202);
    expect(body).toMatchObject({
      object: 'job',
      type: 'chat',
      error: null,
      steps: [],
      metadata: {},
      cost_usd: expect.any(Number) as unknown,
    });
    expect(body.id).toMatch(/^job_[0-9a-f]{32}$/);
    expect(Date.parse(body.deadline) - Date.parse(body.created_at)).toBeGreaterThan(23 * 3_600_000);
    const self = `/v1/jobs/${body.id}`;
    expect(body.urls).toEqual({ self, events: `${self}/events`, cancel: `${self}/cancel`, result: `${self}/result` });
    expect(headers.get('location')).toBe(self);
    expect(headers.get('retry-after')).toBe('1');
    expect(headers.get('vary')).toContain('Prefer');
    expect(headers.get('preference-applied')).toBeNull();
  });

  it('answers 200 with the finished job when the client prefers to wait', async () => {
    const { status, headers, body } = await ask<Job>(`${url}/v1/jobs`, {
      body: chatJob(),
      headers: { prefer: 'respond-async, wait=10' },
    });
    expect(status).toBe(200);
    expect(body).toMatchObject({ state: 'completed', provider: 'simulator' });
    expect(answerOf(body)).toMatch(/\S/);
    expect(headers.get('preference-applied')).toBe('wait=10');
    expect(headers.get('vary')).toContain('Prefer');
    expect(headers.get('retry-after')).toBeNull();
  });

  it('answers 202 with the unfinished job when the wait was too short, and the job goes on', async () => {
    const startedAt = performance.now();
    const { status, headers, body } = await ask<Job>(`${url}/v1/jobs`, {
      body: chatJob({}, { ttft_ms: 5_000 }),
      headers: { prefer: 'wait=1' },
    });
    expect(performance.now() - startedAt).toBeGreaterThan(900);
    expect(status).toBe(202);
    expect(['queued', 'in_progress']).toContain(body.state);
    expect(headers.get('preference-applied')).toBe('wait=1');
    expect(headers.get('retry-after')).toBe('1');
    const waited = await ask<Job>(`${otherUrl}/v1/jobs/${body.id}?wait=10`);
    expect(waited.body.state).toBe('completed');
  });

  it('keeps metadata as it was given, at its limits and with odd names', async () => {
    const metadata = JSON.parse(
      '{"__proto__":"a","constructor":"b","toString":"c","":"","ключ":"значение","lone":"\\ud800"}',
    ) as Json;
    for (let i = Object.keys(metadata).length; i < 16; i++) metadata[`k${i}`.padEnd(64, 'k')] = 'v'.repeat(512);
    const job = await post(url, chatJob({ metadata }));
    expect(Object.entries((await read(otherUrl, job.id)).metadata)).toEqual(Object.entries(metadata));
  });

  it('runs odd but valid text and names as they are', async () => {
    const content = 'lone \ud800 surrogate <|endoftext|> \u0000 \u2028 __proto__';
    const request = {
      messages: [{ role: 'user', content }],
      user: 'x',
      logit_bias: JSON.parse('{"__proto__":1}') as Json,
    };
    const job = await post(url, { type: 'chat', request }, { prefer: 'wait=10' });
    expect(job.state).toBe('completed');
    // The test before does not wait for its job.
    const sent = (await simulator.bodies()).find(({ user }) => user === 'x');
    expect(sent?.messages).toEqual(request.messages);
    expect(JSON.stringify(sent?.logit_bias)).toBe('{"__proto__":1}');
  });

  it('takes a time in another age, and such a job can be cancelled', async () => {
    const far = { not_before: '9999-12-30T00:00:00Z', deadline: '9999-12-31T00:00:00Z' };
    const job = await post(url, chatJob(far));
    expect(job).toMatchObject({ state: 'queued', deadline: '9999-12-31T00:00:00.000Z' });
    expect((await ask<Job>(`${url}${job.urls.cancel}`, { method: 'POST' })).body.state).toBe('cancelled');
  });

  it('runs completions and embeddings too', async () => {
    const wait = { prefer: 'wait=10' };
    const completion = await post(url, { type: 'completion', request: { prompt: 'Once' } }, wait);
    expect(completion).toMatchObject({ type: 'completion', state: 'completed', result: { object: 'text_completion' } });
    const embedding = await post(url, { type: 'embedding', request: { input: ['a', 'b'] } }, wait);
    expect(embedding).toMatchObject({
      type: 'embedding',
      state: 'completed',
      model: 'sim-embedding',
      result: { object: 'list' },
    });
    expect(embedding.result?.data).toHaveLength(2);
  });
});

describe('what a finished job tells', () => {
  it('has the decision, every attempt, the usage and the cost that they add up to', async () => {
    await simulator.arm({ fault: { kind: 'status', status: 500 }, times: 1 });
    const job = await post(url, chatJob({ request: { model: 'sim-small' } }), { prefer: 'wait=10' });
    expect(job).toMatchObject({ state: 'completed', model: 'sim-small', provider: 'simulator' });
    expect(job.decision).toMatchObject({ mode: 'normal', reason: expect.stringMatching(/\S/) as unknown });
    expect(job.decision.candidates).toEqual([
      expect.objectContaining({
        model: 'sim-small',
        score: expect.any(Number) as unknown,
        terms: expect.any(Object) as unknown,
      }),
    ]);
    expect(job.attempts).toMatchObject([
      { n: 1, state: 'failed', model: 'sim-small', error: { class: 'transient', provider_status: 500 }, cost_usd: 0 },
      { n: 2, state: 'completed', model: 'sim-small', error: null, usage: job.usage, cost_usd: job.cost_usd },
    ]);
    expect(job.usage.input_tokens).toBeGreaterThan(0);
    expect(job.usage.output_tokens).toBe(16);
    const { input_tokens, output_tokens } = job.usage;
    expect(job.cost_usd).toBeCloseTo((input_tokens * 0.0002 + output_tokens * 0.0008) / 1_000, 12);
    expect(job.estimated_cost_usd).toBeGreaterThan(job.cost_usd);
    expect(Date.parse(job.created_at)).toBeLessThanOrEqual(Date.parse(job.started_at ?? ''));
    expect(Date.parse(job.started_at ?? '')).toBeLessThanOrEqual(Date.parse(job.finished_at ?? ''));
  });

  it('has its result alone under /result: 202 before the end, the answer or the error after it', async () => {
    const job = await post(url, chatJob({}, { ttft_ms: 3_000 }));
    const early = await ask(`${url}${job.urls.result}`);
    expect(early.status).toBe(202);
    expect(early.headers.get('retry-after')).toBe('1');
    const done = await untilState(url, job.id, ENDED);
    const late = await ask(`${otherUrl}${job.urls.result}`);
    expect(late.status).toBe(200);
    expect(late.body).toEqual(done.result);

    const refused = await post(
      url,
      chatJob({}, { fault: { kind: 'status', status: 400, message: 'No such voice.' } }),
      { prefer: 'wait=10' },
    );
    expect(refused).toMatchObject({
      state: 'failed',
      result: null,
      error: { class: 'invalid_request', provider_status: 400 },
    });
    const error = await ask(`${url}${refused.urls.result}`);
    expect(error.status).toBe(400);
    expect(error.headers.get('content-type')).toBe('application/problem+json');
    expect(error.headers.get('x-should-retry')).toBe('false');
    expect(error.body).toMatchObject({
      job_id: refused.id,
      detail: expect.stringContaining('No such voice.') as unknown,
    });
  });
});

describe('GET /v1/jobs', () => {
  interface Page extends Json {
    data: Job[];
    first_id: string;
    last_id: string;
    has_more: boolean;
  }
  const page = async (query: string): Promise<Page> => (await ask<Page>(`${otherUrl}/v1/jobs?${query}`)).body;

  it('pages through all jobs, newest first, without gaps or repeats, also past one that is erased meanwhile', async () => {
    const posted: string[] = [];
    for (let i = 0; i < 25; i++) posted.push((await post(url, chatJob())).id);
    const newestFirst = posted.toReversed();
    await untilState(url, newestFirst[9] ?? '', ENDED);

    const first = await page('limit=10');
    expect(first).toMatchObject({ object: 'list', first_id: newestFirst[0], last_id: newestFirst[9], has_more: true });
    expect((await ask(`${url}/v1/jobs/${first.last_id}`, { method: 'DELETE' })).status).toBe(204);
    // A job that is newer than the cursor does not shift the pages after it.
    await post(url, chatJob());
    const second = await page(`limit=10&after=${first.last_id}`);
    const third = await page(`limit=5&after=${second.last_id}`);
    const seen = [first, second, third].flatMap(({ data }) => data.map(({ id }) => id));
    expect(seen).toEqual(newestFirst);
    expect(await page(`after=${(await allIds()).at(-1) ?? ''}`)).toMatchObject({
      data: [],
      first_id: null,
      last_id: null,
      has_more: false,
    });
  });

  it('is filtered, also without a database', async () => {
    const { id } = await post(url, { ...chatJob(), metadata: { run: 'filtered' } });
    const marked = await untilState(url, id, ENDED);
    const ids = async (query: string): Promise<string[]> => (await page(query)).data.map(({ id }) => id);
    await expect(ids('metadata[run]=filtered&state=completed')).resolves.toEqual([marked.id]);
    await expect(ids('metadata[run]=filtered&state=queued')).resolves.toEqual([]);
    await expect(ids(`created_after=${marked.created_at}`)).resolves.toEqual([marked.id]);
    await expect(ids(`created_before=${marked.created_at}&metadata[run]=filtered`)).resolves.toEqual([]);
    await expect(ids(`type=chat&model=${marked.model ?? ''}&limit=1`)).resolves.toEqual([marked.id]);
    await expect(ids('type=chat&model=none')).resolves.toEqual([]);
    await expect(ask(`${url}/ready`)).resolves.toMatchObject({ body: { database: 'off' } });
  });

  async function allIds(): Promise<string[]> {
    const all = await page('limit=100');
    expect(all.has_more).toBe(false);
    return all.data.map(({ id }) => id);
  }
});

describe('GET /v1/jobs/:id/events', () => {
  let streamed: Job;
  let events: ServerEvent[];

  beforeAll(async () => {
    const job = await post(url, chatJob({ request: { stream: true } }, SLOW_STREAM));
    events = await allEvents(`${url}${job.urls.events}`);
    streamed = await read(url, job.id);
  });

  it('tells the whole life of a job, numbered from 1 without gaps, ending with the job', () => {
    expect(events.map(({ id }) => id)).toEqual(events.map((_, i) => i + 1));
    const types = events.map(({ type }) => type);
    expect(types.slice(0, 3)).toEqual(['job.queued', 'job.started', 'attempt.started']);
    expect(types.filter((type) => type === 'output.delta').length).toBeGreaterThan(5);
    expect(new Set(types.slice(3, -1))).toEqual(new Set(['output.delta']));
    expect(events.at(-1)).toMatchObject({ type: 'job.completed', data: streamed });
  });

  it('streams deltas that add up to the result', () => {
    expect(answerOf(streamed).split(' ')).toHaveLength(50);
    expect(contentOf(events)).toBe(answerOf(streamed));
  });

  it('resumes after any number, on any API process, by header and by query', async () => {
    for (const api of [url, otherUrl]) {
      for (const { id } of events.slice(0, -1)) {
        expect(await allEvents(`${api}${streamed.urls.events}`, { 'last-event-id': String(id) })).toEqual(
          events.slice(id),
        );
      }
    }
    expect(await allEvents(`${otherUrl}${streamed.urls.events}?starting_after=2`)).toEqual(events.slice(2));
    expect(await allEvents(`${otherUrl}${streamed.urls.events}?starting_after=2`, { 'last-event-id': '4' })).toEqual(
      events.slice(4),
    );
  });

  it('answers 204 to a reader that has seen the end, so that it does not come back', async () => {
    for (const after of [events.length, events.length + 7]) {
      const { status } = await ask(`${otherUrl}${streamed.urls.events}`, {
        headers: { 'last-event-id': String(after) },
      });
      expect(status).toBe(204);
    }
  });

  it('goes on live on another process from where a reader was cut off, again and again', async () => {
    const job = await post(url, chatJob({ request: { stream: true } }, SLOW_STREAM));
    const seen: ServerEvent[] = [];
    for (let round = 0; seen.at(-1)?.type !== 'job.completed'; round++) {
      const api = round % 2 === 0 ? url : otherUrl;
      const headers = { 'last-event-id': String(seen.at(-1)?.id ?? 0) };
      let inThisRound = 0;
      for await (const event of eventsOf(`${api}${job.urls.events}`, headers)) {
        seen.push(event);
        if (++inThisRound === 7) break;
      }
    }
    expect(seen.length).toBeGreaterThan(20);
    expect(seen).toEqual(await allEvents(`${url}${job.urls.events}`));
    expect(contentOf(seen)).toBe(answerOf(await read(url, job.id)));
  });

  it('gives several readers on both processes the same events', async () => {
    const job = await post(url, chatJob({ request: { stream: true } }, SLOW_STREAM));
    const all = await Promise.all([url, otherUrl, url, otherUrl].map((api) => allEvents(`${api}${job.urls.events}`)));
    for (const one of all) expect(one).toEqual(all[0]);
    expect(all[0]?.at(-1)?.type).toBe('job.completed');
  });
});
