import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { NotFoundError, UnprocessableEntityError } from 'openai';
import { waitFor } from '#testing/wait-for.js';
import { chatBody, rejection, startOpenAiStack, tool, type OpenAiStack, type SimulatorClient } from './openai-stack.js';

/* The plain side of the OpenAI-compatible surface, through the official SDK with its retries on. */

let hub: OpenAiStack;
let simulator: SimulatorClient;

beforeAll(async () => {
  hub = await startOpenAiStack();
  ({ simulator } = hub);
});

afterAll(() => hub.stop());

beforeEach(() => simulator.reset());

describe('a plain chat completion', () => {
  it('brings the answer, its usage, and headers that say which job, model and provider it was and what it cost', async () => {
    const { openai } = hub.client();
    const { data, response, request_id } = await openai.chat.completions.create(chatBody()).withResponse();

    expect(data.object).toBe('chat.completion');
    expect(data.choices).toHaveLength(1);
    expect(data.choices[0]).toMatchObject({ index: 0, finish_reason: 'stop', message: { role: 'assistant' } });
    expect(data.choices[0]?.message.content?.split(' ')).toHaveLength(16);
    const { prompt_tokens: input = 0, completion_tokens: output = 0, total_tokens: total } = data.usage ?? {};
    expect({ output, total }).toEqual({ output: 16, total: input + 16 });

    expect(request_id).toMatch(/^req_/);
    expect(data).toMatchObject({ _request_id: request_id });
    expect(response.headers.get('x-tokenhub-model')).toBe('sim-small');
    expect(response.headers.get('x-tokenhub-provider')).toBe('near');
    expect(response.headers.get('x-tokenhub-attempts')).toBe('1');
    expect(Number(response.headers.get('x-tokenhub-cost-usd'))).toBeCloseTo(input * 2e-7 + output * 8e-7, 12);
    const job = await hub.job(response.headers.get('x-tokenhub-job-id') ?? '');
    expect(job).toMatchObject({ state: 'completed', model: 'sim-small', result: { id: data.id } });
  });

  it.each([
    { model: 'sim-large', means: 'that model', served: /^sim-large$/ },
    { model: 'lab/sim-vision', means: 'the model with a slash in its id', served: /^lab\/sim-vision$/ },
    { model: 'smart', means: 'a member of the alias', served: /^sim-large$/ },
    { model: 'auto', means: 'a routed model', served: /^(sim-(small|large|tiny)|lab\/sim-vision)$/ },
    { model: '*', means: 'a routed model', served: /^(sim-(small|large|tiny)|lab\/sim-vision)$/ },
    { model: undefined, means: 'a routed model', served: /^(sim-(small|large|tiny)|lab\/sim-vision)$/ },
  ])('takes the model $model for $means', async ({ model, served }) => {
    const { openai } = hub.client();
    const { data, response } = await openai.chat.completions.create(chatBody({ model })).withResponse();
    expect(data.choices[0]?.finish_reason).toBe('stop');
    expect(response.headers.get('x-tokenhub-model')).toMatch(served);
  });

  it('obeys a policy under `tokenhub`, keeps its metadata on the job, and forwards every other field and never that one', async () => {
    const { openai } = hub.client();
    const body = {
      model: 'auto',
      messages: [
        { role: 'developer', content: 'Be brief.', name: 'dev' },
        { role: 'system', content: 'Be kind.' },
        { role: 'user', content: [{ type: 'text', text: 'Say hello', cache_hint: { ttl: 5 } }] },
      ],
      temperature: 0.5,
      seed: 7,
      user: 'someone',
      store: false,
      metadata: { theirs: 'yes' },
      guided_regex: '[a-z]+',
      vendor_options: { nested: [1, { deep: true }] },
      simulator: { text: 'as told' },
    };
    const tokenhub = { policy: { models: ['lab/sim-vision', 'sim-small'] }, metadata: { run: 'eval-7' } };
    const { data, response } = await openai.chat.completions.create(chatBody({ ...body, tokenhub })).withResponse();

    expect(data.choices[0]?.message.content).toBe('as told');
    expect(response.headers.get('x-tokenhub-model')).toBe('lab/sim-vision');
    const [seen, ...others] = await simulator.requests();
    expect(seen?.body).toEqual({ ...body, model: 'vision-2026-11' });
    expect(others).toEqual([]);
    const job = await hub.job(response.headers.get('x-tokenhub-job-id') ?? '');
    expect(job.metadata).toEqual({ run: 'eval-7' });
  });

  it('sends an image part only to a model that sees', async () => {
    const { openai } = hub.client();
    const content = [
      { type: 'text', text: 'What is this?' },
      { type: 'image_url', image_url: { url: 'data:image/png;base64,iVBORw0KGgo=', detail: 'low' } },
    ];
    const messages = [{ role: 'user', content }];
    const { response } = await openai.chat.completions.create(chatBody({ model: 'auto', messages })).withResponse();
    expect(response.headers.get('x-tokenhub-model')).toBe('lab/sim-vision');
    expect((await simulator.requests())[0]?.body).toMatchObject({ messages });
  });

  it('brings every choice of n with its log probabilities', async () => {
    const { openai } = hub.client();
    const data = await openai.chat.completions.create(chatBody({ n: 3, logprobs: true, top_logprobs: 1 }));
    expect(data.choices.map((choice) => choice.index)).toEqual([0, 1, 2]);
    expect(new Set(data.choices.map((choice) => choice.message.content)).size).toBe(3);
    for (const { message, logprobs } of data.choices) {
      expect(logprobs?.content?.map(({ token }) => token).join('')).toBe(message.content);
      expect(logprobs?.content?.every(({ logprob }) => logprob < 0)).toBe(true);
    }
  });

  it('parses a JSON schema answer into the object', async () => {
    const { openai } = hub.client();
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' }, people: { type: 'integer' } },
      required: ['city', 'people'],
      additionalProperties: false,
    };
    const { choices } = await openai.chat.completions.parse({
      ...chatBody(),
      response_format: { type: 'json_schema', json_schema: { name: 'city', strict: true, schema } },
    });
    expect(choices[0]?.message.parsed).toEqual({ city: expect.any(String), people: expect.any(Number) });
  });
});

describe('tools', () => {
  const tools = [tool('get_weather', 'city'), tool('get_time', 'zone')];

  it('calls several in parallel, and only one when that is forbidden', async () => {
    const { openai } = hub.client();
    const messages = [{ role: 'user', content: 'call get_weather and get_time' }];
    const parallel = await openai.chat.completions.create(chatBody({ tools, messages }));
    const single = await openai.chat.completions.create(chatBody({ tools, messages, parallel_tool_calls: false }));

    expect(parallel.choices[0]).toMatchObject({ finish_reason: 'tool_calls', message: { content: null } });
    const calls = parallel.choices[0]?.message.tool_calls ?? [];
    expect(calls.map((call) => call.type === 'function' && call.function.name)).toEqual(['get_weather', 'get_time']);
    expect(new Set(calls.map((call) => call.id)).size).toBe(2);
    expect(single.choices[0]?.message.tool_calls).toHaveLength(1);
  });

  it('takes a whole tool loop of the SDK: call, result, answer', async () => {
    const { openai } = hub.client();
    const asked: unknown[] = [];
    const runner = openai.chat.completions.runTools({
      model: 'sim-small',
      messages: [{ role: 'user', content: 'call get_weather' }],
      tools: [
        {
          type: 'function',
          function: {
            ...tool('get_weather', 'city').function,
            parse: (text: string) => JSON.parse(text) as { city: string },
            function: (given: { city: string }) => {
              asked.push(given);
              return 'rainy';
            },
          },
        },
      ],
    });
    const answer = await runner.finalContent();

    expect(answer).toEqual(expect.stringMatching(/\w/));
    expect(asked).toEqual([{ city: expect.any(String) }]);
    const bodies = (await simulator.requests()).map((request) => request.body as { messages: { role: string }[] });
    expect(bodies.map(({ messages }) => messages.map(({ role }) => role))).toEqual([
      ['user'],
      ['user', 'assistant', 'tool'],
    ]);
    expect(bodies[1]?.messages.at(-1)).toMatchObject({ role: 'tool', content: 'rainy' });
  });
});

describe('a client that leaves', () => {
  it('cancels its job and drops the upstream connection', async () => {
    const { openai, calls } = hub.client();
    const abort = new AbortController();
    const body = chatBody({ simulator: { fault: { kind: 'hang' } } });
    const failed = rejection(openai.chat.completions.create(body, { signal: abort.signal }));
    await simulator.until((tally) => tally.in_flight === 1, 'the provider to be called');
    const { id } = await hub.newestJob();
    abort.abort();

    expect(await failed).toMatchObject({ name: 'Error', message: 'Request was aborted.' });
    await simulator.until(
      (tally) => tally.aborted === 1 && tally.in_flight === 0,
      'the upstream request to be dropped',
    );
    expect((await hub.untilState(id, 'cancelled')).error?.code).toBe('job_cancelled');
    expect(calls()).toBe(1);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('leaves nothing running, at whatever moment it leaves', async () => {
    const seed = Date.now() % 1_000_000;
    const random = randomFrom(seed);
    // Long enough to be counted for a while: many leave before their job exists.
    const messages = [{ role: 'user', content: 'count me in '.repeat(20_000) }];
    const body = JSON.stringify(chatBody({ model: 'sim-large', messages, simulator: { fault: { kind: 'hang' } } }));
    const leave = async (): Promise<void> => {
      const signal = AbortSignal.timeout(Math.round(random() * 120));
      const headers = { 'content-type': 'application/json' };
      await rejection(fetch(`${hub.stack.url}/v1/chat/completions`, { method: 'POST', headers, body, signal }));
    };
    for (let round = 0; round < 6; round++) await Promise.all(Array.from({ length: 4 }, leave));
    // Counted in turns with those that are still being counted: once this one is answered, they have become jobs or nothing.
    await hub.client().openai.chat.completions.create(chatBody({ model: 'sim-large', messages }));

    try {
      await waitFor(
        async () => {
          const { data } = (await (await fetch(`${hub.stack.url}/v1/jobs?limit=100`)).json()) as { data: unknown[] };
          const open = (data as { state: string }[]).filter(({ state }) => ['queued', 'in_progress'].includes(state));
          const { in_flight: inFlight } = await simulator.tally();
          return open.length + inFlight === 0;
        },
        { describe: 'every job and upstream request to be gone' },
      );
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  });
});

describe('an Idempotency-Key', () => {
  it('keeps the job going when its client leaves, and the same request joins it: one upstream request, the same answer', async () => {
    const { openai } = hub.client();
    const body = chatBody({ simulator: { ttft_ms: 5_000 } });
    const headers = { 'Idempotency-Key': 'left-and-joined' };
    const abort = new AbortController();
    const failed = rejection(openai.chat.completions.create(body, { headers, signal: abort.signal }));
    await simulator.until((tally) => tally.in_flight === 1, 'the provider to be called');
    const { id } = await hub.newestJob();
    abort.abort();
    await failed;

    const joined = await openai.chat.completions.create(body, { headers }).withResponse();
    const later = await openai.chat.completions.create(body, { headers }).withResponse();
    expect(joined.data.choices[0]?.finish_reason).toBe('stop');
    for (const { data, response } of [joined, later]) {
      expect(data).toEqual(joined.data);
      expect(response.headers.get('idempotent-replayed')).toBe('true');
      expect(response.headers.get('x-tokenhub-job-id')).toBe(id);
      expect(response.headers.get('x-tokenhub-model')).toBe('sim-small');
    }
    expect(await simulator.tally()).toMatchObject({ requests: 1, sent: 1, aborted: 0 });
  });

  it('lets any number of simultaneous requests share one job', async () => {
    const { openai } = hub.client();
    const headers = { 'Idempotency-Key': 'all-at-once' };
    const answers = await Promise.all(
      Array.from({ length: 6 }, () =>
        openai.chat.completions.create(chatBody({ simulator: { ttft_ms: 100 } }), { headers }).withResponse(),
      ),
    );
    expect(new Set(answers.map(({ data }) => data.id)).size).toBe(1);
    expect(answers.filter(({ response }) => response.headers.get('idempotent-replayed') === 'true')).toHaveLength(5);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('refuses another body once, with 422 and without the SDK trying again', async () => {
    const headers = { 'Idempotency-Key': 'one-body-only' };
    await hub.client().openai.chat.completions.create(chatBody(), { headers });
    const { openai, calls } = hub.client();
    const error = await rejection(openai.chat.completions.create(chatBody({ seed: 2 }), { headers }));
    expect(error).toBeInstanceOf(UnprocessableEntityError);
    expect(error).toMatchObject({ code: 'idempotency_conflict', type: 'invalid_request_error' });
    expect(calls()).toBe(1);
    expect((await simulator.tally()).requests).toBe(1);
  });

  it('stands for another job on another route', async () => {
    const { openai } = hub.client();
    const headers = { 'Idempotency-Key': 'per-route' };
    const chat = await openai.chat.completions.create(chatBody(), { headers }).withResponse();
    const text = await openai.completions.create({ model: 'sim-small', prompt: 'Hello' }, { headers }).withResponse();
    expect(text.response.headers.get('idempotent-replayed')).toBeNull();
    expect(text.response.headers.get('x-tokenhub-job-id')).not.toBe(chat.response.headers.get('x-tokenhub-job-id'));
  });
});

describe('Prefer: respond-async', () => {
  it.each(['plain', 'streamed'])('turns a %s request into a 202 with the job to come back for', async (how) => {
    const { openai } = hub.client();
    const body = chatBody(how === 'streamed' ? { stream: true } : {});
    const response = await openai.chat.completions.create(body, { headers: { Prefer: 'respond-async' } }).asResponse();
    expect(response.status).toBe(202);
    expect(response.headers.get('preference-applied')).toBe('respond-async');
    const job = (await response.json()) as { id: string; object: string };
    expect(job.object).toBe('job');
    expect(response.headers.get('location')).toBe(`/v1/jobs/${job.id}`);
    expect(await hub.untilState(job.id, 'completed')).toMatchObject({ result: { object: 'chat.completion' } });
  });
});

describe('the other routes', () => {
  it('answers a legacy completion', async () => {
    const { openai } = hub.client();
    const prompt = ['Once upon', 'a time'];
    const { data, response } = await openai.completions
      .create({ model: 'sim-small', prompt, max_tokens: 5, n: 2, logprobs: 0 })
      .withResponse();
    expect(data.object).toBe('text_completion');
    expect(data.choices.map(({ index, finish_reason }) => ({ index, finish_reason }))).toEqual(
      [0, 1, 2, 3].map((index) => ({ index, finish_reason: 'length' })),
    );
    for (const { text, logprobs } of data.choices) expect(logprobs?.tokens?.join('')).toBe(text);
    expect(data.usage?.completion_tokens).toBe(20);
    expect(response.headers.get('x-tokenhub-job-id')).toMatch(/^job_/);
  });

  it('gives the same vectors in the SDK’s base64 and as floats, at the length asked for', async () => {
    const { openai } = hub.client();
    const input = ['The cat sat', 'on the mat'];
    const asked = { model: 'sim-embedding', input, dimensions: 8 };
    const { data: packed, response } = await openai.embeddings.create(asked).withResponse();
    const floats = await openai.embeddings.create({ ...asked, encoding_format: 'float' });

    expect(packed.data.map(({ embedding }) => embedding.length)).toEqual([8, 8]);
    expect(packed.data).toEqual(floats.data);
    expect(packed.data[0]?.embedding).not.toEqual(packed.data[1]?.embedding);
    expect(packed.usage.total_tokens).toBe(6);
    expect(response.headers.get('x-tokenhub-model')).toBe('sim-embedding');
    expect(Number(response.headers.get('x-tokenhub-cost-usd'))).toBeCloseTo(6 * 2e-8, 12);
    const formats = (await simulator.requests()).map(
      ({ body }) => (body as { encoding_format: string }).encoding_format,
    );
    expect(formats).toEqual(['base64', 'float']);
  });

  it('routes an embedding without a model to one that embeds', async () => {
    const { openai } = hub.client();
    const { data } = await openai.embeddings.create({ model: 'auto', input: [1, 2, 3] });
    expect(data[0]?.embedding).toHaveLength(1536);
  });

  it('lists models and aliases, and reads each by its id', async () => {
    const { openai } = hub.client();
    const listed: string[] = [];
    for await (const model of openai.models.list()) listed.push(model.id);
    expect(listed.sort()).toEqual(['lab/sim-vision', 'sim-embedding', 'sim-large', 'sim-small', 'sim-tiny', 'smart']);
    for (const id of listed) expect(await openai.models.retrieve(id)).toMatchObject({ id, object: 'model' });
    expect(await openai.models.retrieve('sim-large')).toMatchObject({ owned_by: 'far' });
  });

  it('says which model was meant when one is not known', async () => {
    const { openai, calls } = hub.client();
    const error = await rejection(openai.models.retrieve('sim-smal'));
    expect(error).toBeInstanceOf(NotFoundError);
    expect(error).toMatchObject({ code: 'model_not_found', param: 'model' });
    expect((error as NotFoundError).message).toContain('sim-small');
    expect(calls()).toBe(1);
  });
});

/** A mulberry32 generator, so that a failed schedule can be run again. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
