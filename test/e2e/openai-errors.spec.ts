import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { APIError, BadRequestError, InternalServerError, NotFoundError, UnprocessableEntityError } from 'openai';
import type { ErrorClass } from '#contracts/attempt.js';
import type { Fault } from '../../apps/simulator/src/fault-shapes.js';
import {
  chatBody,
  rejection,
  startOpenAiStack,
  streamBody,
  tool,
  type OpenAiStack,
  type SimulatorClient,
} from './openai-stack.js';

/* Errors and failover as the official SDK sees them, with its retries on. */

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  hub = await startOpenAiStack();
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

/** Tries `sim-small` of provider `near` first, and then `sim-large` of `far`. */
const smallThenLarge = { model: 'auto', tokenhub: { policy: { models: ['sim-small', 'sim-large'] } } };

describe('a request that is wrong', () => {
  const image = [{ type: 'image_url', image_url: { url: 'https://example.org/cat.png' } }];
  it.each([
    { wrong: 'no messages', body: { messages: undefined }, code: 'missing_required_parameter', param: 'messages' },
    { wrong: 'empty messages', body: { messages: [] }, code: 'invalid_value', param: 'messages' },
    { wrong: 'messages that are text', body: { messages: 'hello' }, code: 'invalid_type', param: 'messages' },
    {
      wrong: 'an unknown role',
      body: { messages: [{ role: 'boss', content: 'x' }] },
      code: 'invalid_value',
      param: 'messages[0].role',
    },
    { wrong: 'a temperature out of bounds', body: { temperature: 9 }, code: 'invalid_value', param: 'temperature' },
    { wrong: 'no choice at all', body: { n: 0 }, code: 'invalid_value', param: 'n' },
    {
      wrong: 'an unknown field of ours',
      body: { tokenhub: { polcy: {} } },
      code: 'unknown_parameter',
      param: 'tokenhub.polcy',
    },
    {
      wrong: 'a policy out of bounds',
      body: { tokenhub: { policy: { max_attempts: 0 } } },
      code: 'invalid_value',
      param: 'tokenhub.policy.max_attempts',
    },
    {
      wrong: 'a prompt longer than the window',
      body: { model: 'sim-tiny', messages: [{ role: 'user', content: 'long '.repeat(100) }] },
      code: 'context_length_exceeded',
      param: 'messages',
    },
    {
      wrong: 'an image for a model that cannot see',
      body: { messages: [{ role: 'user', content: image }] },
      code: 'no_eligible_model',
      param: null,
    },
  ])('$wrong is a BadRequestError that names it, and leaves nothing behind', async ({ body, code, param }) => {
    for (const stream of [false, true]) {
      const { openai, calls } = hub.client();
      const error = await rejection(openai.chat.completions.create(chatBody({ ...body, stream })));
      expect(error).toBeInstanceOf(BadRequestError);
      expect(error).toMatchObject({
        code,
        param,
        type: 'invalid_request_error',
        requestID: expect.stringMatching(/^req_/),
      });
      expect(calls()).toBe(1);
    }
    expect((await simulator.tally()).requests).toBe(0);
    await expect(hub.newestJob()).rejects.toThrow('no job is listed');
  });

  it('an unknown model is a NotFoundError that hints at the known ones', async () => {
    const { openai, calls } = hub.client();
    const error = await rejection(openai.chat.completions.create(chatBody({ model: 'sim-larg' })));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({
      code: 'model_not_found',
      param: 'model',
      message: expect.stringContaining('sim-large'),
    });
    expect(calls()).toBe(1);
  });

  it('a request that no model can take is told why each cannot', async () => {
    const { openai, calls } = hub.client();
    const tokenhub = { policy: { min_weight: 5 } };
    const body = chatBody({
      model: 'auto',
      max_tokens: 2,
      tokenhub,
      messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'https://example.org/cat.png' } }] }],
      tools: [tool('look', 'at')],
    });
    const error = await rejection(openai.chat.completions.create(body));
    expect(error).toMatchObject({ status: 400, code: 'no_eligible_model' });
    const { message } = error as BadRequestError;
    expect(message).toContain('sim-large: The request needs vision, which the model lacks.');
    expect(message).toContain('lab/sim-vision: The request needs tools, which the model lacks.');
    expect(message).toContain('sim-embedding: The request is a chat');
    expect(calls()).toBe(1);
  });

  it.each([
    { wrong: 'malformed JSON', body: '{"messages": [', type: 'application/json', status: 400, code: 'invalid_json' },
    { wrong: 'JSON that is no object', body: '[]', type: 'application/json', status: 400, code: 'invalid_type' },
    { wrong: 'another content type', body: 'hello', type: 'text/plain', status: 415, code: 'unsupported_media_type' },
  ])('$wrong is refused in OpenAI’s shape', async ({ body, type, status, code }) => {
    const answer = await fetch(`${hub.stack.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toMatch(/^req_/);
    expect(await answer.json()).toEqual({
      error: { message: expect.any(String), type: 'invalid_request_error', param: null, code },
    });
  });

  it('a body over the limit is a 413, once', async () => {
    const { openai, calls } = hub.client();
    const messages = [{ role: 'user', content: 'x'.repeat(600_000) }];
    const error = await rejection(openai.chat.completions.create(chatBody({ messages })));
    expect(error).toMatchObject({ status: 413, code: 'body_too_large', message: expect.stringContaining('524288') });
    expect(calls()).toBe(1);
  });

  it('an unknown path is a 404 in OpenAI’s shape', async () => {
    const error = await rejection(hub.client().openai.get('/nothing/here'));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 'unknown_url', type: 'invalid_request_error' });
  });
});

describe('a provider that refuses the request', () => {
  it.each([
    { status: 400, kind: BadRequestError },
    { status: 422, kind: UnprocessableEntityError },
  ])(
    'with $status ends the job at once, and the SDK gets its own message, code and param',
    async ({ status, kind }) => {
      const { openai, calls } = hub.client();
      const said = { code: 'unsupported_value', param: 'seed', message: `Refused with ${status}: no seeds, please.` };
      await simulator.break('sim-small', { kind: 'status', status, ...said });
      for (const stream of [false, true]) {
        const error = await rejection(openai.chat.completions.create(chatBody({ ...smallThenLarge, stream })));
        expect(error).toBeInstanceOf(kind);
        expect(error).toMatchObject({
          ...said,
          message: expect.stringContaining(said.message),
          type: 'invalid_request_error',
        });
      }
      expect(calls()).toBe(2);
      expect((await simulator.tally()).by_model).toEqual({ 'sim-small': 2 });
    },
  );

  it('for its length hands over to a larger window, and is a context_length_exceeded when there is none', async () => {
    const { openai } = hub.client();
    const overflow: Fault = { kind: 'status', status: 400, code: 'context_length_exceeded' };
    await simulator.break('sim-small', overflow);
    const { response } = await openai.chat.completions.create(chatBody(smallThenLarge)).withResponse();
    expect(response.headers.get('x-tokenhub-model')).toBe('sim-large');
    expect(response.headers.get('x-tokenhub-attempts')).toBe('2');

    await simulator.break('sim-large', overflow);
    const error = await rejection(openai.chat.completions.create(chatBody(smallThenLarge)));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: 'context_length_exceeded', param: 'messages' });
  });

  it('for its content is a BadRequestError; an answer that ends filtered is an answer', async () => {
    const { openai } = hub.client();
    await simulator.break('sim-small', { kind: 'content_filter', before_content: true });
    const error = await rejection(openai.chat.completions.create(chatBody(smallThenLarge)));
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ code: 'content_filter' });
    const fault = { kind: 'content_filter', after_chunks: 3 };
    const { choices } = await openai.chat.completions.create(chatBody({ model: 'sim-large', simulator: { fault } }));
    expect(choices[0]?.finish_reason).toBe('content_filter');
  });
});

/** No errors in a row at any provider, and nothing counted at the simulator. */
async function everyoneWell(): Promise<void> {
  await simulator.reset();
  const { openai } = hub.client();
  for (const model of ['sim-small', 'sim-large']) await openai.chat.completions.create(chatBody({ model }));
  await simulator.reset();
}

describe('providers that fail', () => {
  it.each([
    { policy: { max_attempts: 3 }, attempts: 3, budget: 'the attempt budget' },
    { policy: {}, attempts: 4, budget: 'twice each candidate' },
  ])(
    'all of them: an InternalServerError once, after $budget and without the SDK trying again',
    async ({ policy, attempts }) => {
      for (const stream of [false, true]) {
        await everyoneWell();
        for (const model of ['sim-small', 'sim-large']) await simulator.break(model, { kind: 'status', status: 500 });
        const { openai, calls } = hub.client();
        const tokenhub = { policy: { ...smallThenLarge.tokenhub.policy, ...policy } };
        const error = await rejection(openai.chat.completions.create(chatBody({ model: 'auto', tokenhub, stream })));
        expect(error).toBeInstanceOf(InternalServerError);
        expect(error).toMatchObject({ status: 502, code: 'provider_error', type: 'server_error' });
        const { headers } = error as InternalServerError;
        expect(headers.get('x-should-retry')).toBe('false');
        expect(calls()).toBe(1);
        expect((await simulator.tally()).requests).toBe(attempts);
        const job = await hub.job(headers.get('x-tokenhub-job-id') ?? '');
        expect(job.state).toBe('failed');
        expect(job.attempts.map((attempt) => attempt.error?.class)).toEqual(
          Array<ErrorClass>(attempts).fill('transient'),
        );
      }
    },
  );

  it.each([
    { why: 'refuses our key', fault: { status: 401 } },
    { why: 'wants to be paid', fault: { status: 429, code: 'insufficient_quota' } },
    { why: 'does not know the model', fault: { status: 404 } },
  ])('one that $why is the operator’s trouble: not the client’s key, quota or model', async ({ fault }) => {
    await simulator.break('sim-small', { kind: 'status', ...fault });
    const { openai, calls } = hub.client();
    const error = await rejection(openai.chat.completions.create(chatBody()));
    expect(error).toBeInstanceOf(InternalServerError);
    expect(error).toMatchObject({ status: 502, code: 'provider_error' });
    expect(calls()).toBe(1);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('one that fails now and then: the retry begins after its backoff, not at the next whole second', async () => {
    const { openai } = hub.client();
    const waits: number[] = [];
    for (let round = 0; round < 3; round++) {
      await simulator.break('sim-small', { kind: 'status', status: 503 }, 1);
      const { response } = await openai.chat.completions.create(chatBody()).withResponse();
      const { attempts } = await hub.job(response.headers.get('x-tokenhub-job-id') ?? '');
      expect(attempts.map(({ state }) => state)).toEqual(['failed', 'completed']);
      waits.push(attempts[1]?.waited_ms ?? Infinity);
    }
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(99);
    expect(Math.min(...waits)).toBeLessThan(800);
  });

  it('one at its rate limit and no other: the request waits and is answered', async () => {
    await simulator.break('sim-small', { kind: 'status', status: 429, retry_after_ms: 300 }, 1);
    const { openai, calls } = hub.client();
    const { choices } = await openai.chat.completions.create(chatBody());
    expect(choices[0]?.finish_reason).toBe('stop');
    expect(calls()).toBe(1);
    expect((await simulator.tally()).by_model).toEqual({ 'sim-small': 2 });
  });
});

describe('failover', () => {
  const faults: { how: string; fault: Fault; attempts: number; streamed?: true }[] = [
    { how: 'answers 500', fault: { kind: 'status', status: 500 }, attempts: 3 },
    { how: 'answers 401', fault: { kind: 'status', status: 401 }, attempts: 2 },
    { how: 'resets the connection', fault: { kind: 'reset' }, attempts: 3 },
    { how: 'answers with a web page', fault: { kind: 'html' }, attempts: 3 },
    { how: 'breaks off before its first content', fault: { kind: 'cut', after_chunks: 0 }, attempts: 3 },
    { how: 'ends in the middle of its JSON', fault: { kind: 'half_json', after_chunks: 0 }, attempts: 3 },
    { how: 'sends an error before its first content', fault: { kind: 'error_event', after_chunks: 0 }, attempts: 3 },
  ];

  it.each(faults)('a first candidate that $how is replaced unseen by the second', async ({ fault, attempts }) => {
    const { openai, calls } = hub.client();
    const alone = await openai.chat.completions.create(chatBody({ model: 'sim-large' }));
    const expected = alone.choices[0]?.message.content;
    await everyoneWell();
    await simulator.break('sim-small', fault);

    const plain = openai.chat.completions.create(chatBody(smallThenLarge)).withResponse();
    const { data, response } = await plain;
    const stream = openai.chat.completions.create(streamBody(smallThenLarge)).withResponse();
    const { data: chunks, response: streamed } = await stream;
    let text = '';
    for await (const chunk of chunks) text += chunk.choices[0]?.delta.content ?? '';

    expect(data.choices[0]?.message.content).toBe(expected);
    expect(text).toBe(expected);
    for (const { headers } of [response, streamed]) {
      expect(headers.get('x-tokenhub-model')).toBe('sim-large');
      expect(headers.get('x-tokenhub-provider')).toBe('far');
      expect(headers.get('x-tokenhub-attempts')).toBe(String(attempts));
    }
    expect(calls()).toBe(3);
    expect((await simulator.tally()).by_model).toEqual({ 'sim-small': 2 * (attempts - 1), 'sim-large': 2 });
  });

  it.each<{ how: string; fault: Fault }>([
    { how: 'is cut', fault: { kind: 'cut', after_chunks: 4 } },
    { how: 'sends an error', fault: { kind: 'error_event', after_chunks: 4 } },
    { how: 'sends an error and then the closing marker', fault: { kind: 'error_event', after_chunks: 4, done: true } },
    { how: 'sends what is no JSON', fault: { kind: 'malformed_chunk', after_chunks: 4 } },
    { how: 'ends in the middle of its JSON', fault: { kind: 'half_json', after_chunks: 4 } },
    { how: 'ends without a finish', fault: { kind: 'missing_finish', after_chunks: 4 } },
    {
      how: 'ends without a finish but with the closing marker',
      fault: { kind: 'missing_finish', after_chunks: 4, done: true },
    },
  ])('a stream that $how after its first content throws in the SDK, and is never a clean end', async ({ fault }) => {
    const { openai, calls } = hub.client();
    const body = streamBody({ ...smallThenLarge, simulator: { fault, tokens_per_second: 200 } });
    const { data, response } = await openai.chat.completions.create(body).withResponse();
    let text = '';
    const error = await rejection(
      (async () => {
        for await (const chunk of data) text += chunk.choices[0]?.delta.content ?? '';
      })(),
    );
    expect(text).toMatch(/\w/);
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'stream_interrupted' });
    const job = await hub.untilState(response.headers.get('x-tokenhub-job-id') ?? '', 'failed');
    expect(job.error?.code).toBe('stream_interrupted');
    expect(calls()).toBe(1);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('a stream that has its finish but no closing marker is whole', async () => {
    const { openai } = hub.client();
    const body = streamBody({ ...smallThenLarge, simulator: { fault: { kind: 'missing_done' } } });
    const ends: (string | null | undefined)[] = [];
    for await (const chunk of await openai.chat.completions.create(body)) ends.push(chunk.choices[0]?.finish_reason);
    expect(ends.at(-1)).toBe('stop');
    expect((await simulator.tally()).requests).toBe(1);
  });
});
