import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { StackConfig } from '#testing/simulator-config.js';
import { waitFor } from '#testing/wait-for.js';
import { rejection, startOpenAiStack, type OpenAiStack } from './openai-stack.js';

/** The model that the simulator's card names; `local` and `narrow` are two of ours on it. */
const UPSTREAM = 'simulated-vllm';
const TOKENIZE = '/vllm/tokenize';
/** What a server was started with, when the suite does not say otherwise. */
const SERVER_WINDOW = 32_768;

interface Decision {
  reason: string;
  input_tokens: number;
  candidates: { model: string; temporary?: string }[];
  excluded: { model: string; reason: string; detail: string }[];
}

let env: OpenAiStack;

beforeAll(async () => {
  env = await startOpenAiStack({ config: oneServer });
  await waitFor(async () => (await explain(chat('hello'))).candidates[0]?.temporary === undefined, {
    describe: 'a worker to report that it has the credentials',
  });
});

afterAll(async () => {
  await env.stop();
});

beforeEach(async () => {
  await env.simulator.reset();
});

/** Windows that are smaller than the server's and larger ones; `unlisted` is on no card, so workers know nothing of it. */
function oneServer(openaiUrl: string): StackConfig {
  const vllmUrl = openaiUrl.replace(/\/v1$/, '/vllm/v1');
  const model = { max_output_tokens: 100, price: { input_per_1k: 0.001, output_per_1k: 0.002 } };
  return {
    providers: [
      { id: 'vllm', type: 'vllm', endpoints: [vllmUrl], credential: { source: 'none' } },
      { id: 'openai', type: 'openai', base_url: openaiUrl, credential: { source: 'none' } },
    ],
    models: [
      { ...model, id: 'local', provider: 'vllm', upstream_model: UPSTREAM, context_tokens: 1_000 },
      { ...model, id: 'wide', provider: 'vllm', upstream_model: UPSTREAM, context_tokens: 100_000 },
      { ...model, id: 'unlisted', provider: 'vllm', upstream_model: 'unlisted', context_tokens: 36_000 },
      { ...model, id: 'cloud', provider: 'openai', context_tokens: 1_000 },
    ],
  };
}

/** Each word is a token of ours, and half a token of the simulator's, which counts a quarter of the characters. */
const dense = (tokens: number): string => 'a '.repeat(tokens);
/** Each word is a token of ours, and four of the simulator's. */
const sparse = (tokens: number): string => ' responsibility'.repeat(tokens);

const chat = (content: string, more: object = {}) => ({
  model: 'local',
  max_tokens: 100,
  messages: [{ role: 'user' as const, content }],
  ...more,
});

const post = (path: string, body: object): Promise<Response> =>
  fetch(env.stack.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });

async function explain(request: object): Promise<Decision> {
  const answer = await post('/v1/route/explain', { type: 'chat', request });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Decision;
}

const timesAsked = async (): Promise<number> => (await env.simulator.tally()).by_path[TOKENIZE] ?? 0;

describe('a request whose estimate needs more than the window with headroom', () => {
  const request = chat(dense(850));

  it('is accepted and answered when the server counts that it fits, and its decision says so', async () => {
    const { openai } = env.client();
    const { data, response } = await openai.chat.completions.create(request).withResponse();
    expect(data.choices[0]?.message.content).toMatch(/\w/);
    const { decision } = (await env.job(response.headers.get('x-tokenhub-job-id') ?? '')) as unknown as {
      decision: Decision;
    };
    expect(decision.reason).toBe(
      `local is the model that was asked for. The server of local counts ${data.usage?.prompt_tokens} input tokens.`,
    );
    expect(decision.input_tokens).toBeGreaterThan(850);
    expect(await timesAsked()).toBe(1);
  });

  it('is refused by the estimate in an explanation, which asks no provider', async () => {
    const { candidates, excluded } = await explain(request);
    expect(candidates).toEqual([]);
    expect(excluded).toContainEqual({
      model: 'local',
      reason: 'context',
      detail: expect.stringMatching(
        /^8\d\d input and 100 output tokens need \d+ with 15 % headroom, and the context is 1000\.$/,
      ),
    });
    const { by_path: byPath } = await env.simulator.tally();
    expect(Object.keys(byPath).filter((path) => !['/vllm/health', '/vllm/v1/models'].includes(path))).toEqual([]);
  });

  it.each(['hang', 'reset', 'html'] as const)(
    'is refused by the estimate when the server’s count does not come (%s), soon',
    async (kind) => {
      await env.simulator.arm({ fault: { kind }, match: { endpoint: 'tokenize' } });
      const startedMs = performance.now();
      const answer = await post('/v1/jobs', { type: 'chat', request });
      expect(performance.now() - startedMs).toBeLessThan(10_000);
      expect(answer.status).toBe(400);
      expect(await answer.json()).toMatchObject({
        code: 'context_length_exceeded',
        detail: expect.stringContaining('with 15 % headroom'),
      });
      expect(await timesAsked()).toBe(1);
      await env.simulator.until((tally) => tally.in_flight === 0, 'the question to be dropped');
    },
  );

  it('is refused where nobody can be asked: another vendor’s model', async () => {
    expect((await post('/v1/jobs', { type: 'chat', request: { ...request, model: 'cloud' } })).status).toBe(400);
    expect(await timesAsked()).toBe(0);
  });
});

it('a request that fits by the estimate is refused when the server counts that it does not', async () => {
  const { openai } = env.client();
  const request = chat(sparse(740));
  expect((await explain(request)).candidates).toMatchObject([{ model: 'local' }]);
  expect(await rejection(openai.chat.completions.create(request))).toMatchObject({
    status: 400,
    code: 'context_length_exceeded',
    message: expect.stringMatching(/local: 2775 input tokens by its server's count and 100 output tokens need 2875/),
  });
});

it('a request that fits what is configured is refused by the window that comes with the count', async () => {
  const request = chat(' the'.repeat(34_000), { model: 'unlisted' });
  const answer = await post('/v1/jobs', { type: 'chat', request });
  expect(answer.status).toBe(400);
  const detail = `by its server's count and 100 output tokens need 34100, and its servers have a context of ${SERVER_WINDOW} (36000 is configured).`;
  expect(await answer.json()).toMatchObject({ excluded: [{ detail: `34000 input tokens ${detail}` }] });
});

it.each([
  ['fits however far the estimate is off', dense(500), 202],
  ['fits in no case', dense(1_300), 400],
])('a request that %s asks nobody', async (_name, content, status) => {
  expect((await post('/v1/jobs', { type: 'chat', request: chat(content) })).status).toBe(status);
  expect(await timesAsked()).toBe(0);
});

it('the window that a server was started with excludes a model of which more is configured, with the reason', async () => {
  const large = chat(dense(40_000), { model: 'wide' });
  const detail = await waitFor(
    async () => (await explain(large)).excluded.find(({ model }) => model === 'wide')?.detail,
    {
      describe: 'the window to be reported',
    },
  );
  expect(detail).toMatch(
    new RegExp(
      `need \\d+ with 15 % headroom, and its servers have a context of ${SERVER_WINDOW} \\(100000 is configured\\)\\.$`,
    ),
  );
  // The server counts 20,000: it fits.
  expect((await post('/v1/jobs', { type: 'chat', request: large })).status).toBe(202);
  const larger = { ...large, messages: [{ role: 'user', content: dense(80_000) }] };
  const refused = await post('/v1/jobs', { type: 'chat', request: larger });
  expect(refused.status).toBe(400);
  expect(await refused.json()).toMatchObject({
    code: 'context_length_exceeded',
    excluded: [{ model: 'wide', reason: 'context', detail: expect.stringContaining(`a context of ${SERVER_WINDOW}`) }],
  });
});
