import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { UnprocessableEntityError } from 'openai';
import type { ChatCompletionChunk } from 'openai/resources/chat/completions';
import {
  rejection,
  startOpenAiStack,
  streamBody,
  tool,
  type OpenAiStack,
  type SimulatorClient,
} from './openai-stack.js';

/* Streams of the OpenAI-compatible surface, through the official SDK with its retries on. */

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  hub = await startOpenAiStack();
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

describe('a streamed chat completion', () => {
  it('has the plain answer’s text, one id, role first and finish reason last, and no usage that nobody asked for', async () => {
    const { openai } = hub.client();
    const plain = await openai.chat.completions.create({ ...streamBody(), stream: false });
    const chunks = await collect(await openai.chat.completions.create(streamBody()));

    expect(textOf(chunks)).toBe(plain.choices[0]?.message.content);
    expect(chunks[0]?.choices[0]?.delta.role).toBe('assistant');
    expect(
      chunks.filter(({ choices }) => choices[0]?.finish_reason).map(({ choices }) => choices[0]?.finish_reason),
    ).toEqual(['stop']);
    expect(chunks.at(-1)?.choices[0]?.delta).toEqual({});
    for (const chunk of chunks) {
      expect(chunk).toMatchObject({ id: chunks[0]?.id, created: chunks[0]?.created, model: 'sim-small' });
      expect(chunk.object).toBe('chat.completion.chunk');
      expect(chunk.choices).toHaveLength(1);
      expect(chunk).not.toHaveProperty('usage');
    }
  });

  it('ends with exactly one usage chunk when asked for, and has usage null in every other', async () => {
    const { openai } = hub.client();
    const body = streamBody({ stream_options: { include_usage: true } });
    const chunks = await collect(await openai.chat.completions.create(body));
    const last = chunks.pop();
    expect(last?.choices).toEqual([]);
    expect(last?.id).toBe(chunks[0]?.id);
    expect(last?.usage).toMatchObject({ completion_tokens: 16, total_tokens: (last?.usage?.prompt_tokens ?? 0) + 16 });
    expect(chunks.length).toBeGreaterThan(0);
    expect(chunks.every((chunk) => chunk.usage === null && chunk.choices.length === 1)).toBe(true);
  });

  it('says with its headers which job it is, and which model and provider speak', async () => {
    const { openai } = hub.client();
    const { data, response, request_id } = await openai.chat.completions
      .create(streamBody({ model: 'smart' }))
      .withResponse();
    await collect(data);
    expect(response.headers.get('content-type')).toMatch(/^text\/event-stream/);
    expect(response.headers.get('x-tokenhub-model')).toBe('sim-large');
    expect(response.headers.get('x-tokenhub-provider')).toBe('far');
    expect(response.headers.get('x-tokenhub-attempts')).toBe('1');
    expect(request_id).toMatch(/^req_/);
    const job = await hub.untilState(response.headers.get('x-tokenhub-job-id') ?? '', 'completed');
    expect(job).toMatchObject({ model: 'sim-large', usage: { output_tokens: 16 } });
  });

  it('passes each piece on while the provider still speaks', async () => {
    const { openai } = hub.client();
    const body = streamBody({ simulator: { tokens_per_second: 30, output_tokens: 150 } });
    let early = 0;
    for await (const chunk of await openai.chat.completions.create(body)) {
      if (chunk.choices[0]?.delta.content && (await simulator.tally()).in_flight === 1) early++;
    }
    expect(early).toBeGreaterThan(4);
  });

  it('loses and doubles nothing of a long answer, nor of one to a reader that pauses', async () => {
    const { openai } = hub.client();
    const simulation = { output_tokens: 20_000, tokens_per_second: 20_000 };
    const stream = await openai.chat.completions.create(streamBody({ simulator: simulation }));
    let text = '';
    let paused = false;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? '';
      if (paused) continue;
      paused = true;
      await simulator.until((tally) => tally.in_flight === 0, 'the provider to have said everything');
    }
    const plain = await openai.chat.completions.create({ ...streamBody({ simulator: simulation }), stream: false });
    expect(text).toBe(plain.choices[0]?.message.content);
    expect(text.split(' ')).toHaveLength(20_000);
  });

  it('gives the SDK’s stream helper whole parallel tool calls', async () => {
    const { openai } = hub.client();
    const tools = [tool('get_weather', 'city'), tool('get_time', 'zone')];
    const stream = openai.chat.completions.stream({
      model: 'sim-small',
      messages: [{ role: 'user', content: 'call get_weather and get_time' }],
      tools,
      stream_options: { include_usage: true },
    });
    const done: string[] = [];
    stream.on('tool_calls.function.arguments.done', ({ name }) => done.push(name));
    const message = await stream.finalMessage();
    const completion = await stream.finalChatCompletion();

    expect(done).toEqual(['get_weather', 'get_time']);
    const calls = (message.tool_calls ?? []).filter((call) => call.type === 'function');
    expect(calls.map((call) => call.function.name)).toEqual(['get_weather', 'get_time']);
    expect(new Set(calls.map(({ id }) => id)).size).toBe(2);
    expect(calls.map((call) => Object.keys(JSON.parse(call.function.arguments) as object))).toEqual([
      ['city'],
      ['zone'],
    ]);
    expect(completion.choices[0]?.finish_reason).toBe('tool_calls');
    expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
    expect(await stream.totalUsage()).toEqual(completion.usage);
  });

  it('gives the SDK’s stream helper a parsed JSON schema answer', async () => {
    const { openai } = hub.client();
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    };
    const stream = openai.chat.completions.stream({
      model: 'sim-small',
      messages: [{ role: 'user', content: 'Which city?' }],
      response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
    });
    const { choices } = await stream.finalChatCompletion();
    expect(choices[0]?.message.parsed).toEqual({ city: expect.any(String) });
  });

  it('keeps the choices of n apart, each with its log probabilities', async () => {
    const { openai } = hub.client();
    const body = { n: 3, logprobs: true, simulator: { tokens_per_second: 400 } };
    const plain = await openai.chat.completions.create({ ...streamBody(body), stream: false });
    const texts = new Map<number, string>();
    const tokens = new Map<number, string>();
    const finished: number[] = [];
    for await (const { choices } of await openai.chat.completions.create(streamBody(body))) {
      expect(choices).toHaveLength(1);
      for (const { index, delta, logprobs, finish_reason: reason } of choices) {
        texts.set(index, (texts.get(index) ?? '') + (delta.content ?? ''));
        for (const { token } of logprobs?.content ?? []) tokens.set(index, (tokens.get(index) ?? '') + token);
        if (reason) finished.push(index);
      }
    }
    expect(texts).toEqual(new Map(plain.choices.map(({ index, message }) => [index, message.content])));
    expect(tokens).toEqual(texts);
    expect(finished.sort()).toEqual([0, 1, 2]);
  });
});

describe('a legacy completion', () => {
  it('streams text chunks that add up to the plain answer', async () => {
    const { openai } = hub.client();
    const body = { model: 'sim-small', prompt: 'Once upon', max_tokens: 12 };
    const plain = await openai.completions.create(body);
    let text = '';
    let ends = 0;
    for await (const chunk of await openai.completions.create({
      ...body,
      stream: true,
      stream_options: { include_usage: true },
    })) {
      expect(chunk.object).toBe('text_completion');
      text += chunk.choices[0]?.text ?? '';
      ends += chunk.choices[0]?.finish_reason === 'length' ? 1 : 0;
      expect(chunk.usage).toEqual(chunk.choices.length === 0 ? plain.usage : null);
    }
    expect(text).toBe(plain.choices[0]?.text);
    expect(ends).toBe(1);
  });
});

describe('a reader that breaks out of the stream', () => {
  it('cancels the job and drops the upstream connection', async () => {
    const { openai, calls } = hub.client();
    const body = streamBody({ simulator: { fault: { kind: 'stall', after_chunks: 3 } } });
    const { data, response } = await openai.chat.completions.create(body).withResponse();
    const id = response.headers.get('x-tokenhub-job-id') ?? '';
    for await (const chunk of data) if (chunk.choices[0]?.delta.content) break;

    await simulator.until((tally) => tally.aborted === 1 && tally.in_flight === 0, 'the upstream stream to be dropped');
    expect((await hub.untilState(id, 'cancelled')).error?.code).toBe('job_cancelled');
    expect(calls()).toBe(1);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('cancels the job also before the first content', async () => {
    const { openai } = hub.client();
    const abort = new AbortController();
    const body = streamBody({ simulator: { fault: { kind: 'hang' } } });
    const failed = rejection(openai.chat.completions.create(body, { signal: abort.signal }));
    await simulator.until((tally) => tally.in_flight === 1, 'the provider to be called');
    const { id } = await hub.newestJob();
    abort.abort();
    await failed;
    await simulator.until((tally) => tally.aborted === 1 && tally.in_flight === 0, 'the upstream stream to be dropped');
    await hub.untilState(id, 'cancelled');
  });
});

describe('an Idempotency-Key on a stream', () => {
  it('keeps the job going when its reader leaves; replays, during and after, have the whole text and no second upstream request', async () => {
    const { openai } = hub.client();
    const body = streamBody({ simulator: { tokens_per_second: 4 } });
    const headers = { 'Idempotency-Key': 'stream-left-and-joined' };
    const { data, response } = await openai.chat.completions.create(body, { headers }).withResponse();
    const seen: ChatCompletionChunk[] = [];
    for await (const chunk of data) if (seen.push(chunk) === 2) break;
    expect((await simulator.tally()).in_flight).toBe(1);

    const joined = await openai.chat.completions.create(body, { headers }).withResponse();
    const during = await collect(joined.data);
    const later = await openai.chat.completions.create(body, { headers }).withResponse();
    const after = await collect(later.data);

    expect(textOf(during).split(' ')).toHaveLength(16);
    expect(textOf(during).startsWith(textOf(seen))).toBe(true);
    expect(after).toEqual(during);
    for (const replay of [joined, later]) {
      expect(replay.response.headers.get('idempotent-replayed')).toBe('true');
      expect(replay.response.headers.get('x-tokenhub-job-id')).toBe(response.headers.get('x-tokenhub-job-id'));
      expect(replay.response.headers.get('x-tokenhub-model')).toBe('sim-small');
    }
    expect(await simulator.tally()).toMatchObject({ requests: 1, sent: 1, aborted: 0 });
  });

  it('lets simultaneous requests read one stream', async () => {
    const { openai } = hub.client();
    const headers = { 'Idempotency-Key': 'streams-at-once' };
    const body = streamBody({ simulator: { tokens_per_second: 100 } });
    const texts = await Promise.all(
      Array.from({ length: 5 }, async () =>
        textOf(await collect(await openai.chat.completions.create(body, { headers }))),
      ),
    );
    expect(new Set(texts).size).toBe(1);
    expect(texts[0]?.split(' ')).toHaveLength(16);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('refuses another body with 422, also when both arrive at once', async () => {
    const { openai, calls } = hub.client();
    const rounds = 8;
    for (let round = 0; round < rounds; round++) {
      const headers = { 'Idempotency-Key': `stream-conflict-${round}` };
      const outcomes = await Promise.allSettled(
        [1, 2].map(async (seed) => collect(await openai.chat.completions.create(streamBody({ seed }), { headers }))),
      );
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused).toHaveLength(1);
      expect(refused[0]?.reason).toBeInstanceOf(UnprocessableEntityError);
      expect(refused[0]?.reason).toMatchObject({ code: 'idempotency_conflict' });
    }
    expect(calls()).toBe(2 * rounds);
    expect((await simulator.tally()).requests).toBe(rounds);
  });
});

async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const chunks: T[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return chunks;
}

function textOf(chunks: readonly ChatCompletionChunk[]): string {
  return chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join('');
}
