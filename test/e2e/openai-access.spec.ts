import { hash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { AuthenticationError, InternalServerError, PermissionDeniedError } from 'openai';
import {
  chatBody,
  openAiConfig,
  rejection,
  startOpenAiStack,
  streamBody,
  type OpenAiStack,
  type SimulatorClient,
} from './openai-stack.js';

/* Keys and the bound of a synchronous wait, as the official SDK sees them: authentication on, a wait of 1.5 seconds. */

const KEYS = {
  full: 'th_full_0123456789abcdef',
  models: 'th_models_0123456789abcdef',
  neighbour: 'th_neighbour_0123456789abcdef',
  unknown: 'th_unknown_0123456789abcdef',
};
const SYNC_TIMEOUT_MS = 4_000;

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  const key = (id: 'full' | 'models' | 'neighbour', scopes: string[]) => ({
    id,
    sha256: hash('sha256', KEYS[id]),
    scopes,
  });
  hub = await startOpenAiStack({
    auth: 'on',
    apiKey: KEYS.full,
    env: { TOKENHUB_SYNC_TIMEOUT_MS: String(SYNC_TIMEOUT_MS) },
    config: (url) => ({
      ...openAiConfig(url),
      projects: [
        { id: 'default', keys: [key('full', ['jobs', 'chat', 'embeddings', 'models']), key('models', ['models'])] },
        { id: 'next-door', keys: [key('neighbour', ['jobs', 'chat'])] },
      ],
    }),
  });
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

describe('an API key', () => {
  it('lets in to what its scopes name', async () => {
    const { openai } = hub.client();
    const { choices } = await openai.chat.completions.create(chatBody());
    expect(choices[0]?.finish_reason).toBe('stop');
    expect((await hub.client(KEYS.models).openai.models.list()).data).not.toHaveLength(0);
    // The client's key stays here: the provider is called without any.
    expect((await simulator.requests()).map(({ authorization }) => authorization)).toEqual([false]);
  });

  it('that is not known is an AuthenticationError, once, which does not repeat it', async () => {
    const { openai, calls } = hub.client(KEYS.unknown);
    const error = await rejection(openai.chat.completions.create(chatBody()));
    expect(error).toBeInstanceOf(AuthenticationError);
    expect(error).toMatchObject({ code: 'invalid_api_key', type: 'invalid_request_error', param: null });
    expect((error as Error).message).not.toContain(KEYS.unknown);
    expect(calls()).toBe(1);
  });

  it('that is missing is asked for', async () => {
    const answer = await fetch(`${hub.stack.url}/v1/models`);
    expect(answer.status).toBe(401);
    expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    expect(await answer.json()).toMatchObject({ error: { code: 'missing_api_key' } });
  });

  it('without the scope is a PermissionDeniedError that names it, once, and nothing is queued', async () => {
    const { openai, calls } = hub.client(KEYS.models);
    for (const { call, scope } of [
      { call: () => openai.chat.completions.create(chatBody()), scope: 'chat' },
      { call: () => openai.chat.completions.create(streamBody()), scope: 'chat' },
      { call: () => openai.completions.create({ model: 'sim-small', prompt: 'Hello' }), scope: 'chat' },
      { call: () => openai.embeddings.create({ model: 'sim-embedding', input: 'Hello' }), scope: 'embeddings' },
    ]) {
      const error = await rejection(call());
      expect(error).toBeInstanceOf(PermissionDeniedError);
      expect(error).toMatchObject({ code: 'scope_missing', message: expect.stringContaining(`"${scope}"`) });
    }
    expect(calls()).toBe(4);
    expect((await simulator.tally()).requests).toBe(0);
  });

  it('keeps its project’s jobs and idempotency keys apart from a neighbour’s', async () => {
    const headers = { 'Idempotency-Key': 'same-in-both' };
    const ours = await hub.client().openai.chat.completions.create(chatBody(), { headers }).withResponse();
    const neighbour = hub.client(KEYS.neighbour);
    const theirs = await neighbour.openai.chat.completions.create(chatBody(), { headers }).withResponse();
    const [ourJob, theirJob] = [ours, theirs].map(({ response }) => response.headers.get('x-tokenhub-job-id'));
    expect(theirs.response.headers.get('idempotent-replayed')).toBeNull();
    expect(theirJob).not.toBe(ourJob);
    expect((await simulator.tally()).requests).toBe(2);
    expect(await rejection(neighbour.openai.get(`/jobs/${ourJob ?? ''}`))).toMatchObject({ status: 404 });
  });
});

describe('a synchronous wait past its bound', () => {
  it('is a 504 with the job’s id that the SDK does not try again, and cancels the job', async () => {
    const { openai, calls } = hub.client();
    const error = await rejection(openai.chat.completions.create(chatBody({ simulator: { fault: { kind: 'hang' } } })));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 504, code: 'sync_timeout', type: 'server_error' });
    const { headers, message } = error as InternalServerError;
    const id = headers.get('x-tokenhub-job-id') ?? '';
    expect(message).toContain(id);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(calls()).toBe(1);

    expect((await hub.untilState(id, 'cancelled')).error?.code).toBe('job_cancelled');
    const tally = await simulator.until(
      ({ in_flight: inFlight }) => inFlight === 0,
      'the upstream request to be dropped',
    );
    expect(tally).toMatchObject({ requests: 1, aborted: 1 });
  });

  it('with an Idempotency-Key leaves the job going, and the same request gets its answer', async () => {
    const { openai } = hub.client();
    const body = chatBody({ simulator: { ttft_ms: SYNC_TIMEOUT_MS + 700 } });
    const headers = { 'Idempotency-Key': 'longer-than-a-wait' };
    const error = await rejection(openai.chat.completions.create(body, { headers }));
    expect(error).toMatchObject({ status: 504, code: 'sync_timeout' });

    const { data, response } = await openai.chat.completions.create(body, { headers }).withResponse();
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(response.headers.get('idempotent-replayed')).toBe('true');
    expect(response.headers.get('x-tokenhub-job-id')).toBe(
      (error as InternalServerError).headers.get('x-tokenhub-job-id'),
    );
    expect(await simulator.tally()).toMatchObject({ requests: 1, aborted: 0 });
  });

  it('does not bound a stream', async () => {
    const { openai } = hub.client();
    const body = streamBody({ simulator: { ttft_ms: SYNC_TIMEOUT_MS + 300 } });
    const ends: (string | null | undefined)[] = [];
    for await (const chunk of await openai.chat.completions.create(body)) ends.push(chunk.choices[0]?.finish_reason);
    expect(ends.at(-1)).toBe('stop');
  });
});
