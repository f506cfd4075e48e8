import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { HttpClient } from '#http/http-client.js';
import { startUpstream, type Upstream } from '../fixtures/upstream.js';
import type { ProviderCall, StreamedPiece } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { readFixture } from './fixtures/read-fixture.js';
import { VllmAdapter } from './vllm-adapter.js';

let http: HttpClient;
let upstream: Upstream;
let adapter: VllmAdapter;
let pieces: StreamedPiece[];

beforeEach(async () => {
  http = new HttpClient();
  upstream = await startUpstream();
  adapter = new VllmAdapter(http);
  pieces = [];
});

afterEach(async () => {
  await upstream.close();
  await http.close();
});

function callOf(changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    kind: 'chat',
    body: { model: 'smart', messages: [{ role: 'user', content: 'Grüß dich' }] },
    upstreamModel: 'Qwen/Qwen3-8B',
    endpoint: upstream.endpoint,
    credential: null,
    timeouts: { connectMs: 1000, firstTokenMs: 2000, idleMs: 2000, answerMs: 2000, coolDownMs: 30_000 },
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

const streamedCall = (changes: Partial<ProviderCall> = {}): ProviderCall =>
  callOf({ onDelta: (piece) => pieces.push(piece), ...changes });

function answerWith(body: string, status = 200): void {
  upstream.answer = (res) => res.writeHead(status, { 'content-type': 'application/json' }).end(body);
}

function streamWith(run: (res: ServerResponse) => void): void {
  upstream.answer = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    run(res);
  };
}

async function failed(promise: Promise<unknown>): Promise<[string, string, string]> {
  const error: unknown = await promise.catch((reason: unknown) => reason);
  if (!(error instanceof ProviderError)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return [error.errorClass, error.options.code, error.message];
}

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (delta: JsonObject, rest: JsonObject = {}): string =>
  event({ id: 'c', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: null, ...rest }] });

const messageOf = (body: string): JsonObject =>
  (JSON.parse(body) as { choices: { message: JsonObject }[] }).choices[0]?.message ?? {};

/** Every parameter of vLLM's own that the conventions name, with a value that it takes. */
const EXTRAS: JsonObject = {
  structured_outputs: { choice: ['yes', 'no'] },
  guided_json: { type: 'object' },
  response_format: { type: 'structural_tag', structures: [], triggers: [] },
  top_k: 40,
  min_p: 0.05,
  repetition_penalty: 1.1,
  length_penalty: 1,
  stop_token_ids: [1, 2],
  include_stop_str_in_output: true,
  ignore_eos: false,
  min_tokens: 3,
  skip_special_tokens: true,
  truncate_prompt_tokens: 100,
  prompt_logprobs: 1,
  allowed_token_ids: [5],
  bad_words: ['x'],
  echo: false,
  add_generation_prompt: true,
  continue_final_message: false,
  documents: [{ text: 'd' }],
  chat_template: '{{ messages }}',
  chat_template_kwargs: { enable_thinking: false },
  mm_processor_kwargs: {},
  priority: 0,
  request_id: 'r-1',
  cache_salt: 's',
  return_token_ids: true,
  kv_transfer_params: { do_remote_decode: false },
  vllm_xargs: { a: 1 },
  thinking_token_budget: 128,
  include_reasoning: true,
  a_parameter_of_tomorrow: { nested: [null] },
};

describe('the request', () => {
  test('carries every parameter of vLLM’s own untouched, and the messages as they were', async () => {
    answerWith(readFixture('text.json'));
    const body = {
      messages: [
        { role: 'system', content: 's' },
        { role: 'user', content: 'u' },
      ],
      ...EXTRAS,
    };
    await adapter.execute(callOf({ body: { model: 'smart', ...body } }));
    expect(upstream.requests.map(({ path, body: sent }) => [path, sent])).toEqual([
      ['/v1/chat/completions', { ...body, model: 'Qwen/Qwen3-8B' }],
    ]);
  });

  test('keeps continuous_usage_stats when a stream asks for its usage', async () => {
    streamWith((res) => res.end(readFixture('text.sse')));
    const options = { continuous_usage_stats: true };
    await adapter.execute(streamedCall({ body: { messages: [], stream_options: options } }));
    expect(upstream.requests[0]?.body).toMatchObject({ stream_options: { ...options, include_usage: true } });
  });

  test('says a developer’s messages as the system, since chat templates know no developer', async () => {
    answerWith(readFixture('text.json'));
    const messages = [
      { role: 'developer', content: 'be brief', name: 'd' },
      { role: 'user', content: 'u' },
    ];
    await adapter.execute(callOf({ body: { messages } }));
    expect(upstream.requests[0]?.body).toMatchObject({
      messages: [{ role: 'system', content: 'be brief', name: 'd' }, messages[1]],
    });
    expect(messages[0]?.role).toBe('developer');
  });
});

describe('an answer', () => {
  const KINDS = ['text', 'tools', 'parallel-tools', 'json-schema', 'reasoning', 'reasoning-content'];

  test.each(KINDS)('is passed on as it was written: %s', async (name) => {
    answerWith(readFixture(`${name}.json`));
    const answer = await adapter.execute(callOf());
    expect(answer.body).toBe(readFixture(`${name}.json`));
  });

  test.each(KINDS)('that is streamed ends with the same message, reason and usage: %s', async (name) => {
    streamWith((res) => res.end(readFixture(`${name}.sse`)));
    const answer = await adapter.execute(streamedCall());
    const plain = JSON.parse(readFixture(`${name}.json`)) as { choices: JsonObject[]; usage: JsonObject };
    const streamed = JSON.parse(answer.body) as typeof plain;
    const said = Object.entries(messageOf(readFixture(`${name}.json`))).filter(
      ([, value]) => value !== null && !(Array.isArray(value) && value.length === 0),
    );
    const heard = Object.entries(messageOf(answer.body)).filter(([, value]) => value !== null && value !== '');
    expect(Object.fromEntries(heard)).toEqual(Object.fromEntries(said));
    expect(streamed.choices[0]?.finish_reason).toBe(plain.choices[0]?.finish_reason);
    expect(streamed.usage).toEqual(plain.usage);
  });

  test.each(['reasoning', 'reasoning-content'])('counts its %s as first content', async (name) => {
    streamWith((res) => res.write(readFixture(`${name}.sse`).split('\n\n').slice(0, 2).join('\n\n') + '\n\n'));
    const timeouts = { connectMs: 1000, firstTokenMs: 1000, idleMs: 40, answerMs: 1000, coolDownMs: 30_000 };
    expect((await failed(adapter.execute(streamedCall({ timeouts }))))[1]).toBe('idle_timeout');
  });

  test('keeps what vLLM adds to a stream: stop_reason, token ids and its own fields', async () => {
    streamWith((res) =>
      res.end(
        event({ id: 'c', choices: [{ index: 0, delta: { content: 'a' }, token_ids: [1] }], prompt_token_ids: [7, 8] }) +
          chunk({ content: 'b' }, { token_ids: [2], finish_reason: 'stop', stop_reason: '###' }) +
          event('[DONE]'),
      ),
    );
    expect(JSON.parse((await adapter.execute(streamedCall())).body)).toMatchObject({
      prompt_token_ids: [7, 8],
      choices: [{ message: { content: 'ab' }, token_ids: [1, 2], finish_reason: 'stop', stop_reason: '###' }],
    });
    expect(pieces.at(-1)?.choices[0]).toMatchObject({ stop_reason: '###' });
  });

  test('takes the last of the usages that grow', async () => {
    const usage = (tokens: number): JsonObject => ({
      prompt_tokens: 5,
      completion_tokens: tokens,
      total_tokens: 5 + tokens,
    });
    const growing = (tokens: number, reason: string | null): string =>
      event({ choices: [{ index: 0, delta: { content: 'a' }, finish_reason: reason }], usage: usage(tokens) });
    streamWith((res) => res.end(growing(1, null) + growing(2, 'length') + event('[DONE]')));
    expect((await adapter.execute(streamedCall())).usage).toMatchObject({ inputTokens: 5, outputTokens: 2 });
  });
});

describe('an error', () => {
  test.each<[string, JsonObject, [string, string, string]]>([
    [
      'of the engine',
      { message: 'EngineCore died', type: 'InternalServerError', code: 500 },
      ['transient', 'server_error', 'EngineCore died'],
    ],
    [
      'of the request',
      { message: 'Bad', type: 'BadRequestError', code: 400 },
      ['invalid_request', 'invalid_request_error', 'Bad'],
    ],
    [
      'of the window',
      { message: 'x', type: 'BadRequestError', param: 'input_tokens', code: 400 },
      ['context_overflow', 'context_length_exceeded', 'x'],
    ],
  ])('%s in the middle of a stream is a failure, although [DONE] follows', async (_name, error, expected) => {
    streamWith((res) => res.end(chunk({ content: 'a' }) + event({ error }) + event('[DONE]')));
    expect(await failed(adapter.execute(streamedCall()))).toEqual(expected);
  });

  test.each(['abort', 'error'])('in place of a reason is a failure: %s', async (reason) => {
    streamWith((res) => res.end(chunk({ content: 'a' }, { finish_reason: reason }) + event('[DONE]')));
    expect((await failed(adapter.execute(streamedCall())))[1]).toBe('stream_truncated');
  });

  test('is read in vLLM’s words, plain and streamed', async () => {
    const error = { message: 'The model `x` does not exist.', type: 'NotFoundError', param: 'model', code: 404 };
    answerWith(JSON.stringify({ error }), 404);
    const expected = ['provider_fault', 'model_not_found', error.message];
    expect(await failed(adapter.execute(callOf()))).toEqual(expected);
    expect(await failed(adapter.execute(streamedCall()))).toEqual(expected);
  });
});

test.each(['plain', 'streamed'])(
  'aborting a %s call drops the connection, which stops the generation',
  async (mode) => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    upstream.answer = (res) => {
      res.writeHead(200, { 'content-type': mode === 'plain' ? 'application/json' : 'text/event-stream' });
      res.write(mode === 'plain' ? ' ' : chunk({ content: 'a' }), () => controller.abort(reason));
    };
    const { signal } = controller;
    await expect(adapter.execute(mode === 'plain' ? callOf({ signal }) : streamedCall({ signal }))).rejects.toBe(
      reason,
    );
    await upstream.connectionClosed;
  },
);
