import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import OpenAI, { APIError, type ClientOptions } from 'openai';
import type { ChatCompletionChunk, ChatCompletionTool } from 'openai/resources/chat/completions.js';
import { startSimulator, type Simulator, type SimulatorOptions } from './simulator.js';

let simulator: Simulator;
let client: OpenAI;

async function start(options: SimulatorOptions = {}, clientOptions: ClientOptions = {}): Promise<void> {
  simulator = await startSimulator(options);
  client = new OpenAI({
    baseURL: `${simulator.url}/v1`,
    apiKey: 'sk-test-0123456789',
    maxRetries: 0,
    ...clientOptions,
  });
}

beforeEach(() => start());
afterEach(() => simulator.close());

const ask = (content: string) => [{ role: 'user' as const, content }];

const TOOLS: ChatCompletionTool[] = ['get_weather', 'get_time'].map((name) => ({
  type: 'function',
  function: {
    name,
    parameters: {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    },
  },
}));

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of stream) {
    items.push(item);
  }
  return items;
}

function contentOf(chunks: ChatCompletionChunk[]): string {
  return chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('');
}

describe('chat completions', () => {
  it('answers the same request with the same text, and another with another', async () => {
    const say = async (content: string) => client.chat.completions.create({ model: 'm', messages: ask(content) });
    const [first, again, other] = [await say('hello'), await say('hello'), await say('goodbye')];
    expect(first.choices[0]?.message.content?.split(' ')).toHaveLength(16);
    expect(again.choices).toEqual(first.choices);
    expect(again.id).not.toBe(first.id);
    expect(other.choices).not.toEqual(first.choices);
    expect(first.choices[0]).toMatchObject({
      finish_reason: 'stop',
      logprobs: null,
      message: { role: 'assistant', refusal: null },
    });
    expect(first.usage).toMatchObject({
      prompt_tokens: 2,
      completion_tokens: 16,
      total_tokens: 18,
      prompt_tokens_details: { cached_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 0 },
    });
    expect(first._request_id).toMatch(/^req_/);
  });

  it('streams the very text that it answers with, word by word', async () => {
    const body = { model: 'm', messages: ask('hello') };
    const plain = await client.chat.completions.create(body);
    const chunks = await collect(await client.chat.completions.create({ ...body, stream: true }));
    expect(contentOf(chunks)).toBe(plain.choices[0]?.message.content);
    expect(chunks).toHaveLength(18);
    expect(chunks[0]?.choices[0]?.delta).toMatchObject({ role: 'assistant', content: '' });
    expect(chunks.at(-1)?.choices[0]).toMatchObject({ delta: {}, finish_reason: 'stop' });
    expect(new Set(chunks.map((chunk) => chunk.id)).size).toBe(1);
    expect(chunks.every((chunk) => chunk.choices.length === 1 && !('usage' in chunk))).toBe(true);
  });

  it('sends the usage chunk only when asked, and null in the others', async () => {
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: ask('hello'),
      stream: true,
      stream_options: { include_usage: true },
    });
    const chunks = await collect(stream);
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 16 } });
    expect(chunks.slice(0, -1).every((chunk) => chunk.usage === null)).toBe(true);
  });

  it('closes a stream with [DONE] and says that it is one', async () => {
    const response = await fetch(`${simulator.url}/v1/chat/completions`, {
      method: 'POST',
      body: JSON.stringify({ model: 'm', messages: ask('hello'), stream: true }),
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect((await response.text()).endsWith('\n\ndata: [DONE]\n\n')).toBe(true);
  });

  it.each([
    ['max_tokens', { max_tokens: 5 }],
    ['max_completion_tokens', { max_completion_tokens: 5 }],
  ])('ends with length at %s', async (_, limit) => {
    const answer = await client.chat.completions.create({ model: 'm', messages: ask('hello'), ...limit });
    expect(answer.choices[0]?.finish_reason).toBe('length');
    expect(answer.usage?.completion_tokens).toBe(5);
  });

  it('gives n different choices, streamed side by side', async () => {
    const body = { model: 'm', messages: ask('hello'), n: 3 };
    const plain = await client.chat.completions.create(body);
    const texts = plain.choices.map((choice) => choice.message.content);
    expect(new Set(texts).size).toBe(3);
    const chunks = await collect(await client.chat.completions.create({ ...body, stream: true }));
    const streamed = [0, 1, 2].map((index) => contentOf(chunks.filter((chunk) => chunk.choices[0]?.index === index)));
    expect(streamed).toEqual(texts);
  });

  it('gives log probabilities for each token when asked', async () => {
    const body = { model: 'm', messages: ask('hello'), logprobs: true, top_logprobs: 2 };
    const plain = await client.chat.completions.create(body);
    const content = plain.choices[0]?.logprobs?.content ?? [];
    expect(content.map((entry) => entry.token).join('')).toBe(plain.choices[0]?.message.content);
    expect(content.every((entry) => entry.logprob < 0 && entry.top_logprobs.length === 2)).toBe(true);
    const chunks = await collect(await client.chat.completions.create({ ...body, stream: true }));
    expect(chunks.flatMap((chunk) => chunk.choices[0]?.logprobs?.content ?? [])).toEqual(content);
  });

  it('honours stop, and settings and text given with the request', async () => {
    const simulated = (simulator: object, rest: object = {}) =>
      client.chat.completions.create({ model: 'm', messages: ask('hello'), ...rest, ...{ simulator } });
    const said = await simulated({ text: 'one two END three' }, { stop: ['END'] });
    expect(said.choices[0]).toMatchObject({ finish_reason: 'stop', message: { content: 'one two ' } });
    const long = await simulated({ output_tokens: 300, cached_tokens: 1, reasoning_tokens: 7 });
    expect(long.usage).toMatchObject({
      completion_tokens: 307,
      prompt_tokens_details: { cached_tokens: 1 },
      completion_tokens_details: { reasoning_tokens: 7 },
    });
  });

  it('paces the first token and the rest', async () => {
    const startedMs = performance.now();
    const stream = await client.chat.completions.create({
      model: 'm',
      messages: ask('hello'),
      stream: true,
      ...{ simulator: { ttft_ms: 40, tokens_per_second: 500, output_tokens: 21 } },
    });
    const firstMs = performance.now() - startedMs;
    await collect(stream);
    expect(firstMs).toBeGreaterThanOrEqual(39);
    expect(performance.now() - startedMs).toBeGreaterThanOrEqual(79);
  });
});

describe('tools and schemas', () => {
  it.each([
    ['required', { tool_choice: 'required' as const }, 'hello', ['get_weather']],
    [
      'a named function',
      { tool_choice: { type: 'function' as const, function: { name: 'get_time' } } },
      'hello',
      ['get_time'],
    ],
    ['words', {}, 'please call get_time and get_weather', ['get_weather', 'get_time']],
    ['words, one at a time', { parallel_tool_calls: false }, 'call get_time, get_weather', ['get_weather']],
    ['words, but none allowed', { tool_choice: 'none' as const }, 'call get_time', []],
    ['no words', {}, 'what is get_time?', []],
  ])('calls tools by %s, the same streamed', async (_, options, content, names) => {
    const body = { model: 'm', messages: ask(content), tools: TOOLS, ...options };
    const plain = await client.chat.completions.create(body);
    const calls = plain.choices[0]?.message.tool_calls ?? [];
    expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(names);
    for (const call of calls) {
      expect(JSON.parse(call.type === 'function' ? call.function.arguments : '')).toEqual({ city: expect.any(String) });
    }
    expect(plain.choices[0]?.finish_reason).toBe(names.length > 0 ? 'tool_calls' : 'stop');
    // The SDK's own accumulator throws when a piece changes or lacks what the first one set.
    const streamed = await client.chat.completions.stream(body).finalChatCompletion();
    expect(streamed.choices[0]?.message.tool_calls ?? []).toMatchObject(calls);
    expect(streamed.choices[0]?.finish_reason).toBe(plain.choices[0]?.finish_reason);
  });

  it('names a call in its first piece alone', async () => {
    const body = { model: 'm', messages: ask('call get_time and get_weather'), tools: TOOLS, stream: true as const };
    const chunks = await collect(await client.chat.completions.create(body));
    const pieces = chunks.flatMap((chunk) => chunk.choices[0]?.delta.tool_calls ?? []);
    for (const index of [0, 1]) {
      const [first, ...later] = pieces.filter((piece) => piece.index === index);
      expect(first).toMatchObject({ type: 'function', id: expect.any(String), function: { arguments: '' } });
      expect(later.length).toBeGreaterThan(1);
      expect(later.every((piece) => Object.keys(piece).join() === 'index,function')).toBe(true);
    }
  });

  it('answers in words once the tool has answered', async () => {
    const call = { id: 'c', type: 'function' as const, function: { name: 'get_time', arguments: '{}' } };
    const answer = await client.chat.completions.create({
      model: 'm',
      tools: TOOLS,
      messages: [
        ...ask('call get_time'),
        { role: 'assistant', tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: 'noon' },
      ],
    });
    expect(answer.choices[0]?.finish_reason).toBe('stop');
  });

  it.each([
    ['json_object', { type: 'json_object' as const }, { answer: expect.any(String) }],
    [
      'json_schema',
      {
        type: 'json_schema' as const,
        json_schema: {
          name: 'verdict',
          schema: {
            type: 'object',
            properties: { choice: { enum: [1, 2] }, why: { type: 'string' } },
            required: ['choice'],
          },
        },
      },
      { choice: expect.any(Number), why: expect.any(String) },
    ],
  ])('answers %s with JSON of that shape', async (_, response_format, shape) => {
    const body = { model: 'm', messages: ask('hello'), response_format };
    const plain = await client.chat.completions.create(body);
    const content = plain.choices[0]?.message.content ?? '';
    expect(JSON.parse(content)).toEqual(shape);
    expect(contentOf(await collect(await client.chat.completions.create({ ...body, stream: true })))).toBe(content);
  });
});

describe('completions, embeddings, models', () => {
  it.each<[string, string | string[] | number[] | number[][], number, number]>([
    ['a text', 'hello', 1, 2],
    ['texts', ['hello', 'bye'], 2, 3],
    ['token ids', [1, 2, 3], 1, 3],
    ['lists of token ids', [[1, 2], [3]], 2, 3],
  ])('completes %s, the same streamed', async (_, prompt, choices, tokens) => {
    const body = { model: 'm', prompt, n: 2 };
    const plain = await client.completions.create(body);
    expect(plain.object).toBe('text_completion');
    expect(plain.choices.map((choice) => choice.index)).toEqual([...Array(choices * 2).keys()]);
    expect(plain.usage).toMatchObject({ prompt_tokens: tokens, completion_tokens: 16 * choices * 2 });
    const chunks = await collect(await client.completions.create({ ...body, stream: true }));
    for (const { index, text } of plain.choices) {
      const pieces = chunks.flatMap((chunk) => chunk.choices).filter((choice) => choice.index === index);
      expect(pieces.map((piece) => piece.text).join('')).toBe(text);
      expect(pieces.at(-1)?.finish_reason).toBe('stop');
    }
  });

  it('echoes the prompt and gives log probabilities when asked', async () => {
    const plain = await client.completions.create({
      model: 'm',
      prompt: 'hello',
      echo: true,
      logprobs: 1,
      max_tokens: 3,
    });
    const [choice] = plain.choices;
    expect(choice?.text.startsWith('hello')).toBe(true);
    expect(choice?.finish_reason).toBe('length');
    expect(choice?.logprobs?.tokens?.join('')).toBe(choice?.text.slice(5));
    expect(choice?.logprobs?.text_offset?.[0]).toBe(5);
  });

  it('gives the same unit vectors as floats and as base64', async () => {
    const body = { model: 'm', input: ['one', 'two', 'one'], dimensions: 12 };
    const floats = await client.embeddings.create({ ...body, encoding_format: 'float' });
    // Without a format the SDK asks for base64 and decodes little-endian float32.
    const decoded = await client.embeddings.create(body);
    expect(decoded.data).toEqual(floats.data);
    const [one, two, oneAgain] = floats.data.map((item) => item.embedding);
    expect(one).toHaveLength(12);
    expect(oneAgain).toEqual(one);
    expect(two).not.toEqual(one);
    expect(Math.hypot(...(one ?? []))).toBeCloseTo(1, 5);
    expect(floats.usage).toEqual({ prompt_tokens: 3, total_tokens: 3 });
    expect(simulator.controls.seen().requests.map(({ body: seen }) => seen)).toMatchObject([
      {},
      { encoding_format: 'base64' },
    ]);
  });

  it('embeds token ids, at 1536 dimensions unless told', async () => {
    const answer = await client.embeddings.create({ model: 'm', input: [[1, 2], [3]] });
    expect(answer.data.map((item) => item.embedding.length)).toEqual([1536, 1536]);
    expect(answer.usage.prompt_tokens).toBe(3);
  });

  it('serves any model unless a list is given', async () => {
    await expect(client.models.retrieve('org/any model')).resolves.toMatchObject({
      id: 'org/any model',
      object: 'model',
    });
    await simulator.close();
    await start({ models: ['only/this'] });
    await expect(collect(await client.models.list())).resolves.toMatchObject([{ id: 'only/this' }]);
    await expect(client.models.retrieve('only/this')).resolves.toMatchObject({ id: 'only/this' });
    await expect(client.models.retrieve('that')).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
    await expect(client.chat.completions.create({ model: 'that', messages: ask('hello') })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
      type: 'invalid_request_error',
    });
  });
});

describe('refusals', () => {
  const CHAT = '/v1/chat/completions';
  const ENDLESS = {
    type: 'json_schema',
    json_schema: {
      name: 'endless',
      schema: { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] },
    },
  };
  const post = (path: string, body: string) => fetch(simulator.url + path, { method: 'POST', body });
  const chat = (fields: object) => JSON.stringify({ model: 'm', messages: ask('hello'), ...fields });

  it.each<[string, [path: string, body: string], number, object]>([
    ['an unknown path', ['/v1/nothing', '{}'], 404, { code: 'unknown_url' }],
    ['a wrong method', ['/v1/models', '{}'], 405, { code: 'method_not_supported' }],
    ['no JSON', [CHAT, '{"a'], 400, { type: 'invalid_request_error' }],
    ['no object', [CHAT, '[]'], 400, { type: 'invalid_request_error' }],
    ['no model', ['/v1/completions', '{"prompt":"x"}'], 400, { message: 'you must provide a model parameter' }],
    ['no messages', [CHAT, '{"model":"m"}'], 400, { code: 'missing_required_parameter', param: 'messages' }],
    ['empty messages', [CHAT, chat({ messages: [] })], 400, { code: 'empty_array' }],
    ['a wrong n', [CHAT, chat({ n: 0 })], 400, { code: 'integer_below_min_value', param: 'n' }],
    [
      'an unknown tool',
      [CHAT, chat({ tool_choice: { type: 'function', function: { name: 'x' } } })],
      400,
      { param: 'tool_choice' },
    ],
    ['an endless schema', [CHAT, chat({ response_format: ENDLESS })], 400, { param: 'response_format' }],
    ['an empty input', ['/v1/embeddings', '{"model":"m","input":[""]}'], 400, { param: 'input' }],
    [
      'a wrong instruction',
      [CHAT, chat({ simulator: { fault: { kind: 'cut', after: 1 } } })],
      400,
      { param: 'simulator' },
    ],
  ])('refuses %s as OpenAI does', async (_, [path, body], status, error) => {
    const response = await post(path, body);
    expect(response.status).toBe(status);
    const answer = (await response.json()) as { error: object };
    expect(Object.keys(answer.error).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(answer.error).toMatchObject(error);
  });

  it('asks for the key only when it has one, and never shows or keeps the one that was given', async () => {
    await simulator.close();
    await start({ apiKey: 'sk-right' }, { apiKey: 'sk-wrong-secret-canary' });
    const refused: unknown = await client.models.list().catch((error: unknown) => error);
    expect(refused).toBeInstanceOf(APIError);
    expect(refused).toMatchObject({ status: 401, code: 'invalid_api_key', type: 'invalid_request_error' });
    expect((refused as APIError).message).toContain('sk-********nary');
    const right = client.withOptions({ apiKey: 'sk-right' });
    await expect(right.chat.completions.create({ model: 'm', messages: ask('hello') })).resolves.toBeDefined();
    const { requests } = simulator.controls.seen();
    expect(requests.map((request) => request.authorization)).toEqual([true, true]);
    expect(JSON.stringify(requests)).not.toMatch(/canary|sk-right/);
    expect((await fetch(`${simulator.url}/v1/models`)).status).toBe(401);
  });
});
