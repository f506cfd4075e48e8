import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { HttpClient } from '#http/http-client.js';
import { startUpstream, type Upstream } from '../fixtures/upstream.js';
import type { ProviderCall, StreamedPiece } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { AnthropicAdapter } from './anthropic-adapter.js';
import { readFixture } from './fixtures/read-fixture.js';

const TIMEOUTS = { connectMs: 1000, firstTokenMs: 2000, idleMs: 2000, answerMs: 600_000, coolDownMs: 30_000 };
let http: HttpClient;
let upstream: Upstream;
let adapter: AnthropicAdapter;
let pieces: StreamedPiece[];

beforeEach(async () => {
  http = new HttpClient();
  upstream = await startUpstream();
  adapter = new AnthropicAdapter(http);
  pieces = [];
});
afterEach(async () => {
  await upstream.close();
  await http.close();
});

function callOf(changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    kind: 'chat',
    body: { model: 'smart', messages: [{ role: 'user', content: 'hi' }] },
    upstreamModel: 'claude',
    endpoint: upstream.endpoint,
    credential: 'plain-Secret.42',
    timeouts: TIMEOUTS,
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

const streamedCall = (changes: Partial<ProviderCall> = {}): ProviderCall =>
  callOf({ onDelta: (piece) => pieces.push(piece), ...changes });

function answerWith(body: string): void {
  upstream.answer = (res) => res.writeHead(200, { 'content-type': 'application/json' }).end(body);
}

function streamWith(run: (res: ServerResponse) => void): void {
  upstream.answer = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    run(res);
  };
}

const event = (body: JsonObject & { type: string }): string => `event: ${body.type}\ndata: ${JSON.stringify(body)}\n\n`;
const START = event({ type: 'message_start', message: { id: 'msg_1', model: 'claude', usage: { input_tokens: 1 } } });
const opened = (block: JsonObject, index = 0): string =>
  event({ type: 'content_block_start', index, content_block: block });
const delta = (fields: JsonObject, index = 0): string => event({ type: 'content_block_delta', index, delta: fields });
const closed = (index = 0): string => event({ type: 'content_block_stop', index });
const finished = (reason: string): string =>
  event({ type: 'message_delta', delta: { stop_reason: reason }, usage: { output_tokens: 2 } });

interface Body {
  created: number;
  choices: { message: JsonObject; finish_reason: string }[];
  usage: JsonObject;
}

async function bodyOf(call: ProviderCall): Promise<Body> {
  return JSON.parse((await adapter.execute(call)).body) as Body;
}

const failed = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'no failure',
    (error: unknown) => (error instanceof ProviderError ? [error.errorClass, error.options.code] : error),
  );

test('the request pins the version, and goes to Messages', async () => {
  answerWith(readFixture('text.json'));
  await adapter.execute(callOf());
  expect(upstream.requests[0]).toMatchObject({
    path: '/v1/messages',
    headers: { 'anthropic-version': '2023-06-01', accept: 'application/json' },
  });
  expect(upstream.requests[0]?.body).not.toHaveProperty('stream');
});

test.each(['completion', 'embedding'] as const)('a call of kind %s is the configuration’s fault', async (kind) => {
  expect(await failed(adapter.execute(callOf({ kind })))).toEqual(['provider_fault', 'unsupported_kind']);
});

test('a request that cannot be translated is never sent', async () => {
  const body = { messages: [{ role: 'tool', tool_call_id: 'x', content: '' }] };
  expect(await failed(adapter.execute(callOf({ body })))).toEqual(['invalid_request', 'invalid_value']);
  expect(upstream.requests).toEqual([]);
});

test('an answer names the fields that were dropped for it', async () => {
  answerWith(readFixture('text.json'));
  expect((await adapter.execute(callOf())).dropped).toBeUndefined();
  const body = { messages: [{ role: 'user', content: 'hi' }], seed: 1 };
  expect((await adapter.execute(callOf({ body }))).dropped).toEqual(['seed']);
});

describe('answers', () => {
  test.each(['thinking-tools', 'refusal', 'json-schema'])('%s: the same plain and streamed', async (name) => {
    answerWith(readFixture(`${name}.json`));
    const { created: _, ...plain } = await bodyOf(callOf());
    streamWith((res) => res.end(readFixture(`${name}.sse`)));
    const { created, ...streamed } = await bodyOf(streamedCall());
    expect(streamed).toEqual(plain);
    expect(Math.abs(created - Date.now() / 1000)).toBeLessThan(5);
  });

  test('thinking keeps its signatures and places; usage has cache reads and writes inside the prompt', async () => {
    streamWith((res) => res.end(readFixture('thinking-tools.sse')));
    const answer = await adapter.execute(streamedCall());
    const { choices, usage } = JSON.parse(answer.body) as Body;
    expect(choices).toMatchObject([
      {
        finish_reason: 'tool_calls',
        message: {
          content: 'Let me see.',
          reasoning_content: 'First the weather.And the time.',
          thinking_blocks: [
            { type: 'thinking', thinking: 'First the weather.', signature: 'c2lnbmF0dXJlLTE=', index: 0 },
            { type: 'redacted_thinking', data: 'EmwKAhgBEgy3va3pzix', index: 1 },
            { type: 'thinking', thinking: 'And the time.', signature: 'c2lnbmF0dXJlLTI=', index: 3 },
          ],
          tool_calls: [{ id: 'toolu_t', function: { name: 'get_time', arguments: '{}' } }],
        },
      },
    ]);
    expect(usage).toEqual({
      prompt_tokens: 107,
      completion_tokens: 50,
      total_tokens: 157,
      prompt_tokens_details: { cached_tokens: 0, cache_write_tokens: 7 },
      completion_tokens_details: { reasoning_tokens: 20 },
    });
    expect(answer.usage).toMatchObject({ inputTokens: 107, cacheWriteInputTokens: 7, cachedInputTokens: 0 });
  });

  test('a refusal is an answer that ends in content_filter and says why', async () => {
    answerWith(readFixture('refusal.json'));
    expect((await bodyOf(callOf())).choices).toMatchObject([
      { finish_reason: 'content_filter', message: { content: 'Here is', refusal: 'This request asks for malware.' } },
    ]);
  });

  test.each([
    ['end_turn', 'stop'],
    ['stop_sequence', 'stop'],
    ['pause_turn', 'stop'],
    ['a_reason_to_come', 'stop'],
    ['max_tokens', 'length'],
    ['model_context_window_exceeded', 'length'],
    ['tool_use', 'tool_calls'],
    ['refusal', 'content_filter'],
  ])('the stop reason %s is %s', async (stop, reason) => {
    answerWith(JSON.stringify({ type: 'message', content: [], stop_reason: stop }));
    const plain = await adapter.execute(callOf());
    expect([plain.usage, JSON.parse(plain.body)]).toMatchObject([null, { choices: [{ finish_reason: reason }] }]);
    streamWith((res) => res.end(START + finished(stop)));
    expect((await bodyOf(streamedCall())).choices[0]?.finish_reason).toBe(reason);
  });

  test.each(['{"type":"message","content":[]}', '{"type":"message","stop_reason":"end_turn"}'])(
    'what is not whole is unreadable: %s',
    async (body) => {
      answerWith(body);
      expect(await failed(adapter.execute(callOf()))).toEqual(['transient', 'unreadable_answer']);
    },
  );
});

describe('streams', () => {
  test('tool calls are counted among themselves, and input that comes at once is input', async () => {
    const tool = (id: string, input: JsonObject): JsonObject => ({ type: 'tool_use', id, name: 'f', input });
    streamWith((res) =>
      res.end(
        START +
          opened({ type: 'text', text: 'so' }) +
          closed() +
          opened({ type: 'server_tool_use', id: 's', name: 'web_search', input: {} }, 1) +
          delta({ type: 'input_json_delta', partial_json: '{"q":1}' }, 1) +
          closed(1) +
          opened(tool('a', {}), 2) +
          closed(2) +
          opened(tool('b', { x: 1 }), 3) +
          closed(3) +
          finished('tool_use'),
      ),
    );
    const [choice] = (await bodyOf(streamedCall())).choices;
    expect(choice?.message).toMatchObject({
      content: 'so',
      tool_calls: [
        { id: 'a', function: { arguments: '{}' } },
        { id: 'b', function: { arguments: '{"x":1}' } },
      ],
    });
    const calls = pieces.flatMap(({ choices }) => choices.flatMap((each) => each.delta?.tool_calls ?? []));
    expect(calls).toMatchObject([{ index: 0 }, { index: 0 }, { index: 1 }, { index: 1 }]);
  });

  test('events and deltas that are new change nothing', async () => {
    const text = opened({ type: 'text', text: '' }) + delta({ type: 'text_delta', text: 'a' });
    const news = event({ type: 'constructor' }) + delta({ type: 'citations_delta', citation: {} });
    streamWith((res) => res.end(START + text + news + closed() + finished('end_turn')));
    expect((await bodyOf(streamedCall())).choices).toMatchObject([{ message: { content: 'a' } }]);
  });

  test.each<[string, string]>([
    ['a delta without its block', START + delta({ type: 'text_delta', text: 'a' })],
    ['an end without its block', START + closed()],
    ['a start without a message', event({ type: 'message_start' })],
  ])('%s is unreadable', async (_, text) => {
    streamWith((res) => res.end(text));
    expect(await failed(adapter.execute(streamedCall()))).toEqual(['transient', 'unreadable_answer']);
  });

  test('pings are no sign of life', async () => {
    streamWith((res) => {
      res.write(START + opened({ type: 'text', text: 'a' }));
      const pings = setInterval(() => res.write(event({ type: 'ping' })), 10);
      res.on('close', () => clearInterval(pings));
    });
    const timeouts = { ...TIMEOUTS, idleMs: 60 };
    expect(await failed(adapter.execute(streamedCall({ timeouts })))).toEqual(['transient', 'idle_timeout']);
  });
});

describe('an answer that may take longer than a plain call can wait', () => {
  const long = (maxTokens: number, changes: Partial<ProviderCall> = {}): ProviderCall =>
    callOf({ body: { messages: [{ role: 'user', content: 'hi' }], max_tokens: maxTokens }, ...changes });

  test('is streamed by Anthropic and given as one', async () => {
    streamWith((res) => res.end(readFixture('tools.sse')));
    const answer = await adapter.execute(long(21_334));
    expect(upstream.requests[0]?.body).toMatchObject({ stream: true });
    expect(upstream.requests[0]?.headers.accept).toBe('text/event-stream');
    expect([answer.ttftMs, answer.usage?.outputTokens]).toEqual([null, 10]);
    expect(JSON.parse(answer.body)).toMatchObject({
      object: 'chat.completion',
      choices: [{ finish_reason: 'tool_calls' }],
    });
  });

  test('is not one at the limit; a shorter limit of ours counts', async () => {
    answerWith(readFixture('text.json'));
    await adapter.execute(long(21_333));
    await failed(adapter.execute(long(5000, { timeouts: { ...TIMEOUTS, answerMs: 120_000 } })));
    const streams = upstream.requests.map(({ body }) => (body as JsonObject).stream);
    expect(streams).toEqual([undefined, true]);
  });

  test('waits for its first token as long as its client would for the answer', async () => {
    streamWith((res) => void setTimeout(() => res.end(readFixture('text.sse')), 80));
    const timeouts = { ...TIMEOUTS, firstTokenMs: 20 };
    await expect(adapter.execute(long(30_000, { timeouts }))).resolves.toBeDefined();
    expect(await failed(adapter.execute(streamedCall({ timeouts })))).toEqual(['transient', 'first_token_timeout']);
  });
});
