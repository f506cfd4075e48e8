import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ask, chat, footprint, type Answer, type Job, type Json } from './doors.js';
import { DOORS, OF_ONE_DOOR, WRONG, WRONG_OUTPUTS } from './orchestration-faults.js';
import { openAiConfig, startOpenAiStack, type OpenAiStack, type SimulatorClient } from './openai-stack.js';

/* The doors that an orchestration, an output or one of the original product's envelopes comes through: what they refuse, and what they do alone. */

const KEYS = {
  full: 'th_full_0123456789abcdef',
  jobs: 'th_jobs_0123456789abcdef',
  neighbour: 'th_neighbour_0123456789abcdef',
};

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  const key = (id: keyof typeof KEYS, scopes: string[]) => ({ id, sha256: hash('sha256', KEYS[id]), scopes });
  hub = await startOpenAiStack({
    auth: 'on',
    apiKey: KEYS.full,
    config: (url) => ({
      ...openAiConfig(url),
      projects: [
        { id: 'default', keys: [key('full', ['jobs', 'chat', 'embeddings', 'models']), key('jobs', ['jobs'])] },
        { id: 'next-door', keys: [key('neighbour', ['jobs', 'chat'])] },
      ],
    }),
  });
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

const bearer = (name: keyof typeof KEYS = 'full'): Record<string, string> => ({
  authorization: `Bearer ${KEYS[name]}`,
});

async function send<T = Json>(path: string, body: unknown, headers: Record<string, string> = {}): Promise<Answer<T>> {
  return ask<T>(hub.stack.url + path, { method: 'POST', body, headers: { ...bearer(), ...headers } });
}

const ENVELOPES = ['/v1/chat', '/v1/plan'];

function refusal({ status, body }: Answer): Json {
  const error = (body.error ?? body) as Json;
  return { status, code: error.code, param: error.param };
}

describe('what is wrong is refused with its path, and leaves nothing behind', () => {
  let before: Record<string, string>;
  beforeAll(async () => {
    before = await footprint(hub.stack.redis.url);
  });

  it.each(
    DOORS.flatMap(({ path, prefix, body }) =>
      [...WRONG, ...WRONG_OUTPUTS].map(([ours, code, param]) => ({
        path,
        body: body(ours),
        code,
        param: prefix + param,
      })),
    ),
  )('POST $path: $code at $param', async ({ path, body, code, param }) => {
    expect(refusal(await send(path, body))).toEqual({ status: 400, code, param });
  });

  it.each(
    ENVELOPES.flatMap((path) => WRONG.map(([ours, code, param]) => ({ path, code, param, ours }))).filter(
      // There `iterations` are the voters of a vote, and nothing else differs.
      ({ ours }) =>
        (ours.orchestration as Json).mode !== 'vote' || (ours.orchestration as Json).iterations === undefined,
    ),
  )('POST $path: $code at $param', async ({ path, ours, code, param }) => {
    expect(refusal(await send(path, { request: chat(), ...ours }))).toEqual({ status: 400, code, param });
  });

  it.each(OF_ONE_DOOR)('POST %s %j', async (path, body, code, param) => {
    expect(refusal(await send(path, body))).toEqual({ status: 400, code, param });
  });

  it('a hint at a model that does not exist is a 404 that names the nearest', async () => {
    const answer = await send('/v1/chat', { request: chat({ model_hint: 'sim-larg' }) });
    expect(refusal(answer)).toMatchObject({ status: 404, code: 'model_not_found' });
    expect(answer.text).toContain('sim-large');
  });

  it.each([...ENVELOPES, '/v1/adversarial'])('POST %s asks for the scope chat', async (path) => {
    const body = path === '/v1/adversarial' ? { prompt: 'p' } : { request: chat() };
    expect(refusal(await send(path, body, bearer('jobs')))).toMatchObject({ status: 403, code: 'scope_missing' });
    expect((await ask(hub.stack.url + path, { body })).status).toBe(401);
  });

  it('nothing was queued, and no provider called', async () => {
    expect(await footprint(hub.stack.redis.url)).toEqual(before);
    expect((await simulator.tally()).requests).toBe(0);
  });
});

describe('a chat in the envelope of the original', () => {
  const envelope = {
    capabilities: { tools: true },
    policy: { max_budget_usd: 1 },
    request: {
      id: 'run-7',
      messages: [{ role: 'user', content: 'Say hello' }],
      model_hint: 'sim-large',
      meta: { team: 'blue' },
      parameters: { temperature: 0.5, seed: 7 },
    },
    output_format: { max_tokens: 5 },
  };

  it('is answered with the completion, the model, the estimate and the reason, and with the headers of every answer', async () => {
    const { status, headers, body } = await send('/v1/chat', envelope);
    expect({ status, body }).toEqual({
      status: 200,
      body: {
        negotiated_model: 'sim-large',
        estimated_cost_usd: expect.any(Number) as unknown,
        routing_reason: expect.stringMatching(/\S/) as unknown,
        response: expect.objectContaining({ object: 'chat.completion' }) as unknown,
      },
    });
    expect(body.estimated_cost_usd).toBeGreaterThan(0);
    expect(headers.get('x-tokenhub-model')).toBe('sim-large');
    expect(headers.get('x-tokenhub-attempts')).toBe('1');
    const job = await hub.job(headers.get('x-tokenhub-job-id') ?? '');
    expect(job).toMatchObject({
      type: 'chat',
      state: 'completed',
      priority: 'high',
      metadata: { team: 'blue', request_id: 'run-7' },
    });
    const [sent] = await simulator.requests();
    expect(sent?.body).toMatchObject({ model: 'sim-large', temperature: 0.5, seed: 7, max_tokens: 5 });
    expect(sent?.body).not.toHaveProperty('policy');
  });

  it('goes on to another model when the one it hinted at is broken', async () => {
    await simulator.break('sim-large', { kind: 'status', status: 401 });
    const { status, body } = await send('/v1/chat', envelope);
    expect(status).toBe(200);
    expect(body.negotiated_model).not.toBe('sim-large');
  });

  it('is answered with the error of its job, in OpenAI’s shape, when every provider is broken', async () => {
    await simulator.arm({ fault: { kind: 'status', status: 401 } });
    const { status, body, headers } = await send('/v1/chat', envelope);
    expect({ status, body }).toMatchObject({ status: 502, body: { error: { type: 'server_error' } } });
    expect(headers.get('x-tokenhub-job-id')).toMatch(/^job_/);
  });

  it('is a 202 job for a client that prefers not to wait', async () => {
    const { status, headers, body } = await send<Job>('/v1/chat', envelope, { prefer: 'respond-async' });
    expect(status).toBe(202);
    expect(headers.get('location')).toBe(`/v1/jobs/${body.id}`);
    expect(await hub.untilState(body.id, 'completed')).toMatchObject({ metadata: { request_id: 'run-7' } });
  });

  it('is done once for one idempotency key, which is another on each door', async () => {
    const headers = { 'idempotency-key': 'once' };
    const first = await send('/v1/chat', envelope, headers);
    const again = await send('/v1/chat', envelope, headers);
    expect(again.body).toEqual(first.body);
    expect(again.headers.get('idempotent-replayed')).toBe('true');
    expect(again.headers.get('x-tokenhub-job-id')).toBe(first.headers.get('x-tokenhub-job-id'));
    expect((await send('/v1/chat', { ...envelope, policy: {} }, headers)).status).toBe(422);
    const elsewhere = await send('/v1/chat/completions', chat({ model: 'sim-small' }), headers);
    expect(elsewhere.headers.get('idempotent-replayed')).toBeNull();
    expect((await simulator.tally()).requests).toBe(2);
  });

  it('is cancelled when its client leaves', async () => {
    await simulator.arm({ fault: { kind: 'hang' } });
    const leaving = new AbortController();
    const left = ask(`${hub.stack.url}/v1/chat`, { body: envelope, headers: bearer(), signal: leaving.signal });
    await simulator.until((tally) => tally.in_flight === 1, 'the call to be under way');
    const [job] = ((await ask(`${hub.stack.url}/v1/jobs?limit=1`, { headers: bearer() })).body as { data: Job[] }).data;
    leaving.abort();
    await expect(left).rejects.toThrow();
    await hub.untilState(job?.id ?? '', 'cancelled');
    await simulator.until((tally) => tally.aborted === 1, 'the call to be dropped');
  });
});

describe('explain', () => {
  const explain = async (ours: Json): Promise<Json> => {
    const answer = await send('/v1/route/explain', { type: 'orchestration', request: chat(), ...ours });
    expect({ status: answer.status, text: answer.text }).toEqual({ status: 200, text: expect.any(String) });
    return answer.body;
  };

  it.each([
    ['planning', 'planning'],
    ['adversarial', 'adversarial'],
    ['vote', 'cheap'],
    ['refine', 'cheap'],
  ])('of %s is about its first call, scored as %s', async (mode, profile) => {
    const body = await explain({ orchestration: { mode }, policy: { mode: 'cheap' } });
    expect(body).toMatchObject({ mode: profile });
    expect(body.candidates).not.toHaveLength(0);
  });

  it('keeps to the model that is named, and to the weight that is asked for', async () => {
    const named = await explain({ orchestration: { mode: 'adversarial', primary_model_id: 'sim-tiny' } });
    expect(named.candidates).toMatchObject([{ model: 'sim-tiny' }]);
    const weighty = await explain({ orchestration: { mode: 'vote', primary_min_weight: 8 } });
    expect(weighty.candidates).toMatchObject([{ model: 'sim-large' }]);
  });
});

describe('a retry', () => {
  it('is refused for a job that is completed, and does not exist for another project', async () => {
    const job = (await send<Job>('/v1/jobs', { type: 'chat', request: chat() }, { prefer: 'wait=20' })).body;
    expect(job).toMatchObject({ state: 'completed', retry_of: null });
    expect(refusal(await send(`/v1/jobs/${job.id}/retry`, undefined))).toMatchObject({
      status: 409,
      code: 'job_not_retryable',
    });
    expect(refusal(await send(`/v1/jobs/${job.id}/retry`, undefined, bearer('neighbour')))).toMatchObject({
      status: 404,
      code: 'job_not_found',
    });
  });
});

it('the OpenAPI document has every door and its fields', async () => {
  const { body } = await ask(`${hub.stack.url}/docs/openapi.json`);
  const { paths, components } = body as { paths: Json; components: { schemas: Record<string, { properties: Json }> } };
  expect(Object.keys(paths)).toEqual(
    expect.arrayContaining(['/v1/chat', '/v1/plan', '/v1/adversarial', '/v1/jobs/{id}/retry']),
  );
  const fieldsOf = (name: string): string[] => Object.keys(components.schemas[name]?.properties ?? {}).sort();
  expect(fieldsOf('OrchestrationDto')).toEqual([
    'iterations',
    'mode',
    'output_schema',
    'primary_min_weight',
    'primary_model_id',
    'return_plan_only',
    'review_min_weight',
    'review_model_id',
    'voters',
  ]);
  expect(fieldsOf('OutputDto')).toEqual(['format', 'schema', 'strip_think']);
  expect(fieldsOf('EnvelopeDto')).toEqual(['capabilities', 'orchestration', 'output_format', 'policy', 'request']);
  expect(fieldsOf('AdversarialDto')).toEqual(['max_tokens', 'orchestration', 'policy', 'prompt']);
  expect(fieldsOf('JobRequestDto')).toEqual(expect.arrayContaining(['orchestration', 'output', 'type']));
});
