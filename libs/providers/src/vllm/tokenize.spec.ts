import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import { HttpClient } from '#http/http-client.js';
import { startSimulator, type Simulator } from '../../../../apps/simulator/src/simulator.js';
import type { ServerAccess } from './options.js';
import { countExactly, isCountable, type ExactCount } from './tokenize.js';
import { VllmAdapter } from './vllm-adapter.js';

let http: HttpClient;
let simulator: Simulator;
let access: ServerAccess;

beforeEach(async () => {
  http = new HttpClient();
  simulator = await startSimulator({ models: ['m'], settings: { max_model_len: 4096 } });
  const signal = new AbortController().signal;
  access = { endpoint: `${simulator.url}/vllm/v1`, credential: null, connectMs: 1000, answerMs: 1000, signal };
});

afterEach(async () => {
  await simulator.close();
  await http.close();
});

const count = (body: JsonObject, upstreamModel = 'm'): Promise<ExactCount> =>
  countExactly(http, access, { body, upstreamModel });

const TOOLS = [{ type: 'function', function: { name: 'get_weather', parameters: { type: 'object' } } }];

test('the count is the one that the answer’s usage reports, and the window comes with it', async () => {
  const body = { messages: [{ role: 'user', content: 'What is the weather in Köln?' }], tools: TOOLS };
  const answer = await new VllmAdapter(http).execute({
    ...access,
    kind: 'chat',
    body,
    upstreamModel: 'm',
    timeouts: { connectMs: 1000, firstTokenMs: 1000, idleMs: 1000, answerMs: 1000, coolDownMs: 30_000 },
    deadlineMs: Date.now() + 5000,
  });
  expect(await count(body)).toEqual({ tokens: answer.usage?.inputTokens, maxModelLen: 4096 });
  expect(answer.usage?.inputTokens).toBeGreaterThan(7);
});

test('only what decides the input is sent, under the upstream model', async () => {
  await count({ model: 'smart', prompt: 'hello there', temperature: 1, stream: true, add_special_tokens: false });
  expect(simulator.controls.seen().requests).toMatchObject([
    { path: '/vllm/tokenize', body: { model: 'm', prompt: 'hello there', add_special_tokens: false } },
  ]);
  const { body } = simulator.controls.seen().requests[0] ?? {};
  expect(Object.keys(body as object)).toHaveLength(3);
});

describe('a count that does not come', () => {
  test('is the server’s error', async () => {
    await expect(count({ prompt: 'a' }, 'x')).rejects.toMatchObject({
      errorClass: 'provider_fault',
      options: { code: 'model_not_found' },
    });
  });

  test.each(['html', 'half_json'] as const)('is unreadable: %s', async (kind) => {
    simulator.controls.arm({ fault: { kind }, match: { endpoint: 'tokenize' } });
    await expect(count({ prompt: 'a' })).rejects.toMatchObject({ options: { code: 'unreadable_answer' } });
  });

  test('is a timeout, or the caller’s own abort', async () => {
    simulator.controls.arm({ fault: { kind: 'hang' } });
    access.answerMs = 40;
    await expect(count({ prompt: 'a' })).rejects.toMatchObject({ options: { code: 'answer_timeout' } });
    const reason = new Error('gone');
    access.signal = AbortSignal.abort(reason);
    await expect(count({ prompt: 'a' })).rejects.toBe(reason);
  });
});

const said = (content: unknown): JsonObject => ({ messages: [{ role: 'user', content }] });

test.each<[string, CallKind, JsonObject, boolean]>([
  ['a chat', 'chat', said('hello'), true],
  ['a chat in parts of text', 'chat', said([{ type: 'text', text: 'hello' }]), true],
  ['a turn that only calls a tool', 'chat', { messages: [{ role: 'assistant', tool_calls: [] }] }, true],
  ['a chat with a picture', 'chat', said([{ type: 'image_url', image_url: { url: 'data:,' } }]), false],
  ['no messages', 'chat', {}, false],
  ['one prompt', 'completion', { prompt: 'hello' }, true],
  ['several prompts', 'completion', { prompt: ['hello', 'there'] }, false],
  ['an embedding', 'embedding', { input: 'hello' }, false],
])('the server can count one sequence of text, and nothing else: %s', (_name, kind, body, countable) => {
  expect(isCountable(kind, body)).toBe(countable);
});
