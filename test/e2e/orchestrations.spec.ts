import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChatCompletion } from 'openai/resources/chat/completions';
import { allEvents, ask, chat, contentOf, type Answer, type Job, type Json } from './doors.js';
import { chatBody, startOpenAiStack, streamBody, type OpenAiStack, type SimulatorClient } from './openai-stack.js';

/* Each mode of orchestration through each door, with scripted models. Planner and first to answer is `sim-large`, critic and judge `sim-small`. */

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  hub = await startOpenAiStack();
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

interface GraphJob extends Job {
  result: Json & { response: ChatCompletion };
  steps: { name: string; state: string; model: string | null; cost_usd: number }[];
  retry_of: string | null;
  priority: string;
}

interface ModeRow {
  mode: string;
  /** Of the artifacts, beside `mode`. */
  artifacts: string[];
  /** Upstream, when nothing fails and nobody approves; a vote’s judge is asked again when nobody can read it. */
  calls: number[];
  more: Json;
}

const MODES: ModeRow[] = [
  { mode: 'planning', artifacts: ['plan'], calls: [1], more: { primary_model_id: 'sim-large' } },
  {
    mode: 'adversarial',
    artifacts: ['initial_plan', 'critique', 'refined_plan', 'rounds'],
    calls: [3],
    more: { primary_model_id: 'sim-large', review_model_id: 'sim-small' },
  },
  {
    mode: 'vote',
    artifacts: ['responses', 'selected', 'judge', 'failed'],
    calls: [4, 5],
    more: { review_model_id: 'sim-small' },
  },
  {
    mode: 'refine',
    artifacts: ['initial_response', 'refined_response', 'iterations', 'model', 'rounds'],
    calls: [5],
    more: { primary_model_id: 'sim-large' },
  },
];

const send = <T = Json>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> =>
  ask<T>(hub.stack.url + path, { method: 'POST', body, headers });
const read = async (id: string | null): Promise<GraphJob> => (await hub.job(id ?? '')) as unknown as GraphJob;
const jobOf = (answer: { headers: Headers }): Promise<GraphJob> => read(answer.headers.get('x-tokenhub-job-id'));
const finalText = ({ result }: GraphJob): string => result.response.choices[0]?.message.content ?? '';
/** The result without the completion. */
const artifactsOf = ({ result: { response: _, ...artifacts } }: GraphJob): Json => artifacts;

/** One answer after the other from a model; the last goes on for ever. */
async function scriptOf(model: string, ...texts: string[]): Promise<void> {
  for (const [at, text] of texts.entries()) {
    await simulator.script({ match: { model }, text, ...(at < texts.length - 1 && { times: 1 }) });
  }
}

describe.each(MODES)('$mode', ({ mode, artifacts, calls, more }) => {
  const orchestration = { mode, ...more };

  it('as a job has its artifacts, its final text as a completion, and steps that add up to it', async () => {
    const body = { type: 'orchestration', request: chat(), orchestration };
    const { status, body: job } = await send<GraphJob>('/v1/jobs', body, { prefer: 'wait=30' });
    expect({ status, state: job.state, error: job.error }).toEqual({ status: 200, state: 'completed', error: null });
    expect(job).toMatchObject({ type: 'orchestration', priority: 'low', retry_of: null });
    expect(Object.keys(job.result).sort()).toEqual(['mode', ...artifacts, 'response'].sort());
    expect(job.result).toMatchObject({ mode, response: { object: 'chat.completion' } });
    expect(finalText(job)).toMatch(/\S/);
    expect(calls).toContain((await simulator.tally()).requests);
    expect(job.steps.map(({ state }) => state)).toEqual(job.steps.map(() => 'completed'));
    const sum = job.steps.reduce((cost, step) => cost + step.cost_usd, 0);
    expect(job.cost_usd).toBeGreaterThan(0);
    expect(sum).toBeCloseTo(job.cost_usd, 12);
  });

  it('in an OpenAI body is an ordinary completion for the official SDK, and the artifacts are on the job', async () => {
    const { openai } = hub.client();
    const body = { ...chatBody({ model: 'auto' }), tokenhub: { orchestration, metadata: { run: '7' } } };
    const { data, response } = await openai.chat.completions.create(body).withResponse();
    expect(data.object).toBe('chat.completion');
    const job = await jobOf(response);
    expect(data.choices[0]?.message.content).toBe(finalText(job));
    expect(job).toMatchObject({ type: 'orchestration', priority: 'high', metadata: { run: '7' } });
    expect(response.headers.get('x-tokenhub-model')).toBe(job.model);
    expect(Number(response.headers.get('x-tokenhub-cost-usd'))).toBe(job.cost_usd);
    for (const { body: sent } of await simulator.requests()) expect(sent).not.toHaveProperty('tokenhub');
  });

  it('streams its final text alone, with the usage of its completion', async () => {
    const { openai } = hub.client();
    const body = {
      ...streamBody({ model: 'auto', stream_options: { include_usage: true } }),
      tokenhub: { orchestration },
    };
    const { data, response } = await openai.chat.completions.create(body).withResponse();
    let text = '';
    let usage: unknown = null;
    for await (const chunk of data) {
      text += chunk.choices[0]?.delta.content ?? '';
      usage = chunk.usage ?? usage;
    }
    const job = await jobOf(response);
    expect(job.state).toBe('completed');
    expect(text).toBe(finalText(job));
    expect(usage).toEqual(job.result.response.usage);
    expect(response.headers.get('x-tokenhub-model')).toBe(job.model);
  });

  it.each(['/v1/plan', '/v1/chat'])('at %s answers with the artifacts', async (path) => {
    const { status, headers, body } = await send(path, { request: chat(), orchestration });
    expect({ status, keys: Object.keys(body) }).toEqual({
      status: 200,
      keys: ['negotiated_model', 'estimated_cost_usd', 'routing_reason', 'response'],
    });
    const job = await jobOf({ headers });
    expect(body.response).toEqual(artifactsOf(job));
    expect(Object.keys(body.response as Json).sort()).toEqual(['mode', ...artifacts].sort());
    expect(body).toMatchObject({ negotiated_model: job.model, estimated_cost_usd: job.estimated_cost_usd });
  });

  it.each<[string, Json]>([
    ['/v1/chat/completions', { ...chat(), tokenhub: { orchestration } }],
    ['/v1/plan', { request: chat(), orchestration }],
    ['/v1/chat', { request: chat(), orchestration }],
  ])('at %s is a 202 job for a client that prefers not to wait', async (path, body) => {
    const { status, body: job } = await send<Job>(path, body, { prefer: 'respond-async' });
    expect({ status, type: job.type }).toEqual({ status: 202, type: 'orchestration' });
    await hub.untilState(job.id, 'completed');
    expect(Object.keys((await read(job.id)).result)).toEqual(expect.arrayContaining([...artifacts, 'response']));
  });
});

describe('adversarial, as the original answered it', () => {
  const orchestration = { primary_model_id: 'sim-large', review_model_id: 'sim-small' };

  it('has the first plan, the critique and the refined plan', async () => {
    await scriptOf('sim-large', 'The first draft.', 'The second draft.');
    await scriptOf('sim-small', 'It forgets the river.');
    const { status, body, headers } = await send('/v1/adversarial', { prompt: 'Design a bridge', orchestration });
    expect({ status, body }).toMatchObject({
      status: 200,
      body: {
        initial_plan: 'The first draft.',
        critique: 'It forgets the river.',
        refined_plan: 'The second draft.',
        job_id: headers.get('x-tokenhub-job-id'),
        models: ['sim-large', 'sim-small'],
      },
    });
    expect(body).not.toHaveProperty('response');
    const job = await jobOf({ headers });
    expect(body.cost_usd).toBe(job.cost_usd);
    expect(finalText(job)).toBe('The second draft.');
  });

  it('goes as many rounds as it is asked to', async () => {
    await send('/v1/adversarial', { prompt: 'Design a bridge', orchestration: { ...orchestration, iterations: 3 } });
    expect((await simulator.tally()).by_model).toEqual({ 'sim-large': 4, 'sim-small': 3 });
  });

  it('ends with the first plan when the critic approves of it, and streams that as the planner’s', async () => {
    await scriptOf('sim-large', 'A perfect plan.');
    await scriptOf('sim-small', 'Nothing to add.\nAPPROVED');
    const { body } = await send('/v1/adversarial', { prompt: 'Design a bridge', orchestration });
    expect(body).toMatchObject({ initial_plan: 'A perfect plan.', refined_plan: 'A perfect plan.' });
    const tokenhub = { orchestration: { mode: 'adversarial', ...orchestration } };
    const streamed = await send('/v1/chat/completions', { ...chat({ stream: true }), tokenhub });
    expect(streamed.headers.get('x-tokenhub-model')).toBe('sim-large');
    expect(streamed.text).toContain('perfect');
    expect(streamed.text).not.toContain('Nothing to add');
    expect((await simulator.tally()).requests).toBe(4);
  });
});

it('an idempotency key stands for the whole orchestration', async () => {
  const body = { ...chat(), tokenhub: { orchestration: { mode: 'refine', iterations: 1 } } };
  const headers = { 'idempotency-key': 'graph' };
  const first = await send('/v1/chat/completions', body, headers);
  const again = await send('/v1/chat/completions', body, headers);
  expect(first.body).toMatchObject({ object: 'chat.completion' });
  expect(again.body).toEqual(first.body);
  expect(again.headers.get('idempotent-replayed')).toBe('true');
  expect((await simulator.tally()).requests).toBe(3);
});

it('its events tell each step as it comes, and its final text', async () => {
  const orchestration = { mode: 'adversarial', primary_model_id: 'sim-large', review_model_id: 'sim-small' };
  const posted = await send<Job>('/v1/jobs', { type: 'orchestration', request: chat({ stream: true }), orchestration });
  const events = await allEvents(`${hub.stack.url}/v1/jobs/${posted.body.id}/events`);
  const steps = events.filter(({ type }) => type.startsWith('step.')).map(({ type }) => type);
  expect(steps).toEqual([
    'step.started',
    'step.completed',
    'step.started',
    'step.completed',
    'step.started',
    'step.completed',
  ]);
  const attempts = events.filter(({ type }) => type === 'attempt.started');
  expect(attempts.map(({ data }) => typeof data.step)).toEqual(['string', 'string', 'string']);
  expect(events.at(-1)?.type).toBe('job.completed');
  expect(contentOf(events)).toBe(finalText(await read(posted.body.id)));
});

it('a client that leaves cancels the whole graph, with the calls that run', async () => {
  await simulator.arm({ fault: { kind: 'hang' } });
  const leaving = new AbortController();
  const body = { ...chat(), tokenhub: { orchestration: { mode: 'vote', voters: 2 } } };
  const left = ask(`${hub.stack.url}/v1/chat/completions`, { body, signal: leaving.signal });
  await simulator.until((tally) => tally.in_flight === 2, 'both voters to be under way');
  const { id } = await hub.newestJob();
  leaving.abort();
  await expect(left).rejects.toThrow();
  await hub.untilState(id, 'cancelled');
  const tally = await simulator.until(({ in_flight }) => in_flight === 0, 'both calls to be dropped');
  expect(tally).toMatchObject({ aborted: 2, requests: 2 });
});

describe('a retry', () => {
  it('is a new job that goes on from the step that failed', async () => {
    await simulator.break('sim-small', { kind: 'status', status: 401 });
    const orchestration = { mode: 'adversarial', primary_model_id: 'sim-large', review_model_id: 'sim-small' };
    const failed = (
      await send<GraphJob>('/v1/jobs', { type: 'orchestration', request: chat(), orchestration }, { prefer: 'wait=30' })
    ).body;
    expect(failed.state).toBe('failed');
    await simulator.reset();
    const { status, headers, body } = await send<GraphJob>(`/v1/jobs/${failed.id}/retry`, undefined);
    expect({ status, retry_of: body.retry_of }).toEqual({ status: 202, retry_of: failed.id });
    expect(headers.get('location')).toBe(`/v1/jobs/${body.id}`);
    expect(body.id).not.toBe(failed.id);
    await hub.untilState(body.id, 'completed');
    // The plan was made, and paid, by the first job.
    expect((await simulator.tally()).by_model).toEqual({ 'sim-small': 1, 'sim-large': 1 });
    expect((await read(failed.id)).state).toBe('failed');
  });
});

describe('an output', () => {
  const schema = { type: 'object', properties: { answer: { type: 'string' } }, required: ['answer'] };

  it.each<[string, Json]>([
    ['/v1/jobs', { type: 'chat', request: chat({ model: 'sim-large' }), output: { schema } }],
    ['/v1/chat/completions', { ...chat({ model: 'sim-large' }), tokenhub: { output: { schema } } }],
    ['/v1/chat', { request: chat({ model_hint: 'sim-large' }), output_format: { type: 'json', schema } }],
  ])('that a chat asks for at %s is kept to, and the chat stays a chat', async (path, body) => {
    const answer = await send(path, body, path === '/v1/jobs' ? { prefer: 'wait=30' } : {});
    expect(answer.status).toBe(200);
    const job = (await hub.newestJob()) as unknown as Job;
    expect(job).toMatchObject({ type: 'chat', state: 'completed', result: { object: 'chat.completion' } });
    const { choices } = job.result as unknown as ChatCompletion;
    expect(JSON.parse(choices[0]?.message.content ?? '')).toEqual({ answer: expect.any(String) as unknown });
  });
});
