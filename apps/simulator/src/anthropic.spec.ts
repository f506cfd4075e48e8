import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { startSimulator, type Simulator } from './simulator.js';

interface Answer {
  status: number;
  headers: Record<string, string>;
  text: string;
}

let simulator: Simulator;
beforeEach(async () => {
  simulator = await startSimulator({ settings: { output_tokens: 6 } });
});
afterEach(() => simulator.close());

const ask = (content: unknown) => ({ model: 'claude', max_tokens: 100, messages: [{ role: 'user', content }] });
const TOOLS = ['get_weather', 'get_time'].map((name) => ({
  name,
  input_schema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}));
const REQUEST_ID = /^req_/;

async function post(body: object, headers: Record<string, string> = {}, path = '/v1/messages'): Promise<Answer> {
  const response = await fetch(simulator.url + path, {
    method: 'POST',
    headers: { 'anthropic-version': '2023-06-01', ...headers },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: Object.fromEntries(response.headers), text: await response.text() };
}

async function message(body: object): Promise<Record<string, unknown>> {
  const { status, text } = await post(body);
  expect(status).toBe(200);
  return JSON.parse(text) as Record<string, unknown>;
}

async function events(body: object): Promise<{ type: string; [field: string]: unknown }[]> {
  const { text } = await post({ ...body, stream: true });
  return text
    .split('\n\n')
    .filter((event) => event !== '')
    .map((event) => {
      const [, name, data] = /^event: (\w+)\ndata: (.*)$/.exec(event) ?? [];
      const parsed = JSON.parse(data ?? '') as { type: string };
      expect(parsed.type).toBe(name);
      return parsed;
    });
}

describe('messages', () => {
  it('answers the same words as in OpenAI’s protocol, plain and streamed', async () => {
    const plain = await message(ask('hello'));
    expect(plain).toMatchObject({
      id: expect.stringMatching(/^msg_/),
      type: 'message',
      role: 'assistant',
      model: 'claude',
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 2, cache_read_input_tokens: 0, output_tokens: 6 },
    });
    const [{ text }] = plain.content as [{ text: string }];
    expect(text.split(' ')).toHaveLength(6);
    const streamed = await events(ask('hello'));
    expect(streamed.map(({ type }) => type)).toEqual([
      ...['message_start', 'ping', 'content_block_start'],
      ...Array.from({ length: 6 }, () => 'content_block_delta'),
      ...['content_block_stop', 'message_delta', 'message_stop'],
    ]);
    const deltas = streamed.map(({ delta }) => (delta as { text?: string } | undefined)?.text ?? '');
    expect(deltas.join('')).toBe(text);
    expect(streamed[0]).toMatchObject({ message: { content: [], usage: { input_tokens: 2, output_tokens: 1 } } });
    expect(streamed.at(-2)).toMatchObject({ delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 6 } });
  });

  it('stops at max_tokens and before a stop sequence, and counts what is cached apart', async () => {
    expect(await message({ ...ask('hello'), max_tokens: 3 })).toMatchObject({ stop_reason: 'max_tokens' });
    const simulated = { simulator: { text: 'one END two', cached_tokens: 1 }, stop_sequences: ['END', 'never'] };
    expect(await message({ ...ask('hello'), ...simulated })).toMatchObject({
      content: [{ text: 'one ' }],
      stop_reason: 'stop_sequence',
      stop_sequence: 'END',
      usage: { input_tokens: 1, cache_read_input_tokens: 1 },
    });
    expect(await message({ ...ask('hello'), stop_sequences: ['never'] })).toMatchObject({ stop_reason: 'end_turn' });
  });

  it.each<[string, object, string, string[]]>([
    ['words', {}, 'call get_time and get_weather', ['get_weather', 'get_time']],
    [
      'words, one at a time',
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
      'call get_time, get_weather',
      ['get_weather'],
    ],
    ['any', { tool_choice: { type: 'any' } }, 'hello', ['get_weather']],
    ['a name', { tool_choice: { type: 'tool', name: 'get_time' } }, 'hello', ['get_time']],
    ['words, but none allowed', { tool_choice: { type: 'none' } }, 'call get_time', []],
  ])('calls tools by %s, the same streamed', async (_, options, content, names) => {
    const body = { ...ask(content), tools: TOOLS, ...options };
    const plain = await message(body);
    const calls = (plain.content as { type: string; name: string; input: object }[]).filter(
      ({ type }) => type === 'tool_use',
    );
    expect(calls.map(({ name }) => name)).toEqual(names);
    expect(plain.stop_reason).toBe(names.length > 0 ? 'tool_use' : 'end_turn');
    const streamed = await events(body);
    for (const [index, { input }] of calls.entries()) {
      const pieces = streamed.filter((event) => event.index === index && event.type === 'content_block_delta');
      const json = pieces.map(({ delta }) => (delta as { partial_json: string }).partial_json).join('');
      expect(JSON.parse(json)).toEqual(input);
    }
  });

  it('thinks when asked, and takes its thoughts back only as they were', async () => {
    const body = { ...ask('call get_time'), tools: TOOLS, thinking: { type: 'adaptive' } };
    const { content, usage } = await message(body);
    expect(content).toMatchObject([{ type: 'thinking', signature: expect.any(String) }, { type: 'tool_use' }]);
    expect(usage).toMatchObject({ output_tokens_details: { thinking_tokens: 8 } });
    expect((await events(body)).map(({ delta }) => (delta as { type?: string } | undefined)?.type)).toContain(
      'signature_delta',
    );
    const [thought, call] = content as [{ thinking: string }, { id: string }];
    const result = { role: 'user', content: [{ type: 'tool_result', tool_use_id: call.id, content: 'noon' }] };
    const turn = (blocks: unknown[]) => ({
      ...body,
      messages: [...body.messages, { role: 'assistant', content: blocks }, result],
    });
    expect(await message(turn([thought, call]))).toMatchObject({ stop_reason: 'end_turn' });
    const forged = await post(turn([{ ...thought, thinking: 'other' }, call]));
    expect([forged.status, forged.text]).toEqual([400, expect.stringContaining('Invalid `signature`')]);
  });

  it('satisfies a schema, and counts tokens', async () => {
    const schema = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const answer = await message({ ...ask('hello'), output_config: { format: { type: 'json_schema', schema } } });
    const [{ text }] = answer.content as [{ text: string }];
    expect(JSON.parse(text)).toEqual({ n: expect.any(Number) });
    const { max_tokens: _, ...counted } = ask('hello');
    expect((await post({ ...counted, system: 'ab' }, {}, '/v1/messages/count_tokens')).text).toBe('{"input_tokens":2}');
  });
});

describe('errors', () => {
  const call = { type: 'tool_use', id: 't', name: 'get_time', input: {} };
  const result = { type: 'tool_result', tool_use_id: 't' };
  const said = (...contents: unknown[]) => ({
    ...ask(''),
    messages: contents.map((content, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content })),
  });

  it.each<[string, object, string]>([
    ['an unknown field', { ...ask('hi'), seed: 1 }, 'seed: Extra inputs are not permitted'],
    ['no max_tokens', { ...ask('hi'), max_tokens: undefined }, 'max_tokens: Field required'],
    ['no messages', { ...ask('hi'), messages: [] }, 'at least one message'],
    ['a system message', { ...ask('hi'), messages: [{ role: 'system', content: 'x' }] }, "'user' or 'assistant'"],
    ['an empty text', ask([{ type: 'text', text: ' ' }]), 'non-whitespace'],
    ['a temperature of 2', { ...ask('hi'), temperature: 2 }, 'temperature'],
    ['a choice without tools', { ...ask('hi'), tool_choice: { type: 'any' } }, 'tool_choice'],
    ['an unknown tool', { ...ask('hi'), tools: TOOLS, tool_choice: { type: 'tool', name: 'x' } }, "Tool 'x' not found"],
    [
      'thinking with a forced tool',
      { ...ask('hi'), tools: TOOLS, tool_choice: { type: 'any' }, thinking: { type: 'adaptive' } },
      'Thinking may not',
    ],
    ['a result without its call', said('hi', 'ho', [result]), 'unexpected `tool_use_id`'],
    ['a call without its result', said('hi', [call], 'and?'), 'without `tool_result` blocks'],
    [
      'a result after a text',
      said('hi', [call], [{ type: 'text', text: 'x' }, result]),
      'without `tool_result` blocks',
    ],
  ])('refuses %s as Anthropic does', async (_, body, words) => {
    const { status, headers, text } = await post(body);
    const error = JSON.parse(text) as { request_id: string };
    expect([status, error]).toEqual([
      400,
      {
        type: 'error',
        error: { type: 'invalid_request_error', message: expect.stringContaining(words) },
        request_id: expect.stringMatching(REQUEST_ID),
      },
    ]);
    expect(error.request_id).toBe(headers['request-id']);
  });

  it('asks for its version, and for the key only when it has one', async () => {
    expect((await post(ask('hi'), { 'anthropic-version': '1' })).status).toBe(400);
    await simulator.close();
    simulator = await startSimulator({ apiKey: 'right', models: ['claude'] });
    expect((await post(ask('hi'))).text).toContain('authentication_error');
    expect((await post(ask('hi'), { 'x-api-key': 'wrong', authorization: 'Bearer right' })).status).toBe(401);
    expect((await post(ask('hi'), { 'x-api-key': 'right' })).status).toBe(200);
    expect((await post(ask('hi'), { authorization: 'Bearer right' })).status).toBe(200);
    const unknown = await post({ ...ask('hi'), model: 'other' }, { 'x-api-key': 'right' });
    expect([unknown.status, unknown.text]).toEqual([404, expect.stringContaining('"not_found_error"')]);
  });

  it.each<[number, string | undefined, string, string]>([
    [400, 'context_length_exceeded', 'invalid_request_error', 'prompt is too long: \\d+ tokens > \\d+ maximum'],
    [401, undefined, 'authentication_error', 'invalid x-api-key'],
    [402, undefined, 'billing_error', 'billing'],
    [404, undefined, 'not_found_error', 'not be found'],
    [413, undefined, 'request_too_large', 'maximum size'],
    [429, undefined, 'rate_limit_error', 'rate limit'],
    [429, 'insufficient_quota', 'rate_limit_error', 'monthly usage limit'],
    [500, undefined, 'api_error', 'Internal'],
    [529, undefined, 'overloaded_error', 'Overloaded'],
  ])('the fault %i %s comes in Anthropic’s words', async (status, code, type, words) => {
    const answer = await post({ ...ask('hi'), simulator: { fault: { kind: 'status', status, code, retry_after: 3 } } });
    expect([answer.status, answer.headers['retry-after']]).toEqual([status, '3']);
    const { error } = JSON.parse(answer.text) as { error: { type: string; message: string; details?: object } };
    expect(error).toMatchObject({ type, message: expect.stringMatching(new RegExp(words)) });
    expect(error.details).toEqual(status === 429 && code ? { error_code: 'enforced_spend_limit_reached' } : undefined);
  });

  it('a refusal, an error after a 200, and a stream without its end', async () => {
    const under = (fault: object) => ({ ...ask('hi'), simulator: { fault } });
    expect(await message(under({ kind: 'content_filter' }))).toMatchObject({
      stop_reason: 'refusal',
      stop_details: { explanation: expect.any(String) },
    });
    const failed = await events(under({ kind: 'error_event', status: 529, after_chunks: 2 }));
    expect(failed.at(-1)).toEqual({ type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } });
    expect(failed.filter(({ type }) => type === 'content_block_delta')).toHaveLength(2);
    const endless = (await events(under({ kind: 'missing_finish' }))).map(({ type }) => type);
    expect(endless.slice(-1)).toEqual(['content_block_stop']);
  });

  it('adds the rate-limit headers that are set, and logs the version', async () => {
    simulator.controls.configure({ headers: { 'anthropic-ratelimit-requests-remaining': '4' } });
    expect((await post(ask('hi'))).headers).toMatchObject({ 'anthropic-ratelimit-requests-remaining': '4' });
    expect(simulator.controls.seen().requests[0]?.headers['anthropic-version']).toBe('2023-06-01');
    expect(simulator.controls.seen().counters).toMatchObject({ by_path: { '/v1/messages': 1 }, output_tokens: 6 });
  });
});
