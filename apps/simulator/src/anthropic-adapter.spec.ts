import { afterEach, beforeEach, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { HttpClient } from '#http/http-client.js';
import { AnthropicAdapter } from '#providers/anthropic/anthropic-adapter.js';
import type { ProviderAnswer } from '#providers/provider-adapter.js';
import { ProviderError } from '#providers/provider-error.js';
import { startSimulator, type Simulator } from './simulator.js';

let simulator: Simulator;
let http: HttpClient;
beforeEach(async () => {
  simulator = await startSimulator({ apiKey: 'secret' });
  http = new HttpClient();
});
afterEach(async () => {
  await http.close();
  await simulator.close();
});

/** An OpenAI-shaped request through the adapter to Anthropic's protocol, which refuses whatever is translated wrongly. */
function execute(body: JsonObject, streamed: boolean): Promise<ProviderAnswer> {
  return new AnthropicAdapter(http).execute({
    kind: 'chat',
    body,
    upstreamModel: 'claude',
    endpoint: `${simulator.url}/v1`,
    credential: 'secret',
    timeouts: { connectMs: 1000, firstTokenMs: 5000, idleMs: 5000, answerMs: 600_000, coolDownMs: 30_000 },
    deadlineMs: Date.now() + 20_000,
    signal: new AbortController().signal,
    ...(streamed && { onDelta: () => undefined }),
  });
}

const TOOLS = ['get_weather', 'get_time'].map((name) => ({ type: 'function', function: { name } }));
const MODES = [
  ['plain', false],
  ['streamed', true],
] as const;

it.each(MODES)('a conversation with thinking and parallel tools goes through Anthropic, %s', async (_, streamed) => {
  const messages: JsonObject[] = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'call get_weather and get_time' }] },
  ];
  const body = { messages, tools: TOOLS, reasoning_effort: 'high', temperature: 0.2, seed: 7, max_tokens: 400 };
  const first = await execute(body, streamed);
  expect(first.dropped).toEqual(['seed', 'temperature']);
  const { choices } = JSON.parse(first.body) as { choices: { message: JsonObject; finish_reason: string }[] };
  const [{ message, finish_reason: finish } = { message: {}, finish_reason: '' }] = choices;
  const calls = message.tool_calls as { id: string; function: { name: string; arguments: string } }[];
  expect([finish, calls.map((call) => [call.function.name, call.function.arguments])]).toEqual([
    'tool_calls',
    [
      ['get_weather', '{}'],
      ['get_time', '{}'],
    ],
  ]);
  expect(first.usage?.reasoningTokens).toBe(8);
  // The simulator refuses thoughts whose signature was lost.
  expect(message.thinking_blocks).toMatchObject([{ type: 'thinking', signature: expect.any(String) }]);
  const results = calls.map(({ id }) => ({ role: 'tool', tool_call_id: id, content: '' }));
  const second = await execute({ ...body, messages: [...messages, message, ...results] }, streamed);
  expect(JSON.parse(second.body)).toMatchObject({ choices: [{ finish_reason: 'stop' }] });
});

it.each(MODES)('text, schema, stop and a forced tool are what OpenAI’s clients expect, %s', async (_, streamed) => {
  const ask = async (fields: JsonObject): Promise<unknown> => {
    const body = { messages: [{ role: 'user', content: 'hello' }], ...fields };
    return (JSON.parse((await execute(body, streamed)).body) as { choices: unknown[] }).choices[0];
  };
  const schema = { type: 'object', properties: { n: { enum: [1] } }, required: ['n'] };
  const format = { type: 'json_schema', json_schema: { name: 'x', schema } };
  expect(await ask({ response_format: format })).toMatchObject({
    message: { content: '{"n":1}' },
    finish_reason: 'stop',
  });
  expect(await ask({ simulator: { text: 'one END two' }, stop: 'END' })).toMatchObject({
    message: { content: 'one ' },
  });
  expect(await ask({ max_tokens: 2 })).toMatchObject({ finish_reason: 'length' });
  expect(await ask({ tools: TOOLS, tool_choice: 'required', parallel_tool_calls: false })).toMatchObject({
    message: { content: null, tool_calls: [{ function: { name: 'get_weather' } }] },
  });
  expect(await ask({ response_format: { type: 'json_object' } })).toMatchObject({ finish_reason: 'stop' });
});

it.each<[JsonObject, string, string]>([
  [{ kind: 'status', status: 529 }, 'rate_limited', 'overloaded_error'],
  [{ kind: 'status', status: 429 }, 'rate_limited', 'rate_limit_error'],
  [{ kind: 'status', status: 429, code: 'insufficient_quota' }, 'provider_fault', 'enforced_spend_limit_reached'],
  [{ kind: 'status', status: 400, code: 'insufficient_quota' }, 'provider_fault', 'invalid_request_error'],
  [{ kind: 'status', status: 400, code: 'context_length_exceeded' }, 'context_overflow', 'context_length_exceeded'],
  [{ kind: 'status', status: 401 }, 'provider_fault', 'authentication_error'],
  [{ kind: 'status', status: 404 }, 'provider_fault', 'not_found_error'],
  [{ kind: 'status', status: 400 }, 'invalid_request', 'invalid_request_error'],
  [{ kind: 'status', status: 504 }, 'transient', 'timeout_error'],
  [{ kind: 'content_filter', before_content: true }, 'content_filtered', 'content_filter'],
  [{ kind: 'reset' }, 'transient', 'connection_reset'],
  [{ kind: 'html' }, 'transient', 'unreadable_answer'],
  [{ kind: 'half_json' }, 'transient', 'stream_truncated'],
  [{ kind: 'cut' }, 'transient', 'connection_reset'],
  [{ kind: 'missing_finish' }, 'transient', 'stream_truncated'],
  [{ kind: 'missing_finish', done: true }, 'transient', 'stream_truncated'],
  [{ kind: 'malformed_chunk' }, 'transient', 'unreadable_answer'],
  [{ kind: 'error_event', status: 529 }, 'rate_limited', 'overloaded_error'],
])('under the fault %j a stream fails as %s, %s', async (fault, errorClass, code) => {
  const failure: unknown = await execute(
    { messages: [{ role: 'user', content: 'hi' }], simulator: { fault } },
    true,
  ).catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ProviderError);
  expect(failure).toMatchObject({ errorClass, options: { code } });
});

it('a stream without its closing event, or refused, is whole', async () => {
  for (const fault of [{ kind: 'missing_done' }, { kind: 'content_filter', after_chunks: 1 }]) {
    await expect(
      execute({ messages: [{ role: 'user', content: 'hi' }], simulator: { fault } }, true),
    ).resolves.toBeDefined();
  }
});
