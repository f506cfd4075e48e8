import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources/chat/completions';
import { waitFor } from '#testing/wait-for.js';
import type { StackConfig } from '#testing/simulator-config.js';
import { startOpenAiStack, type OpenAiStack } from './openai-stack.js';

const VENDORS = ['openai', 'anthropic', 'vllm'] as const;
type Vendor = (typeof VENDORS)[number];

let env: OpenAiStack;

beforeAll(async () => {
  env = await startOpenAiStack({ config: threeVendors });
});

afterAll(async () => {
  await env.stop();
});

beforeEach(async () => {
  await env.simulator.reset();
});

/** One model on each vendor; vLLM with two endpoints of the same server. */
function threeVendors(openaiUrl: string): StackConfig {
  const vllmUrl = openaiUrl.replace(/\/v1$/, '/vllm/v1');
  const credential = { source: 'none' };
  const model = {
    expected_latency_ms: 200,
    context_tokens: 32_768,
    max_output_tokens: 4_096,
    price: { input_per_1k: 0.001, output_per_1k: 0.002 },
    capabilities: ['tools', 'vision', 'json_schema', 'streaming'],
  };
  return {
    providers: [
      { id: 'openai', type: 'openai', base_url: openaiUrl, credential },
      { id: 'anthropic', type: 'anthropic', base_url: openaiUrl, credential },
      { id: 'vllm', type: 'vllm', endpoints: [vllmUrl, vllmUrl.replace('127.0.0.1', 'localhost')], credential },
    ],
    models: VENDORS.map((vendor) => ({ ...model, id: `on-${vendor}`, provider: vendor })),
  };
}

const PATH: Record<Vendor, string> = {
  openai: '/v1/chat/completions',
  anthropic: '/v1/messages',
  vllm: '/vllm/v1/chat/completions',
};

const messages: ChatCompletionMessageParam[] = [
  { role: 'system', content: 'Be brief.' },
  { role: 'user', content: 'Say something about queues' },
];

const tools: ChatCompletionTool[] = [
  {
    type: 'function',
    function: {
      name: 'get_weather',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
];

describe.each(VENDORS)('through %s, the OpenAI SDK', (vendor) => {
  const model = `on-${vendor}`;

  it('gets a plain answer, with usage and cost, over the vendor’s own protocol', async () => {
    const { openai } = env.client();
    const { data, response } = await openai.chat.completions.create({ model, messages }).withResponse();
    expect(data.choices[0]).toMatchObject({ finish_reason: 'stop', message: { role: 'assistant' } });
    expect(data.choices[0]?.message.content).toMatch(/\w+ \w+/);
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
    expect(response.headers.get('x-tokenhub-provider')).toBe(vendor);
    expect(Number(response.headers.get('x-tokenhub-cost-usd'))).toBeGreaterThan(0);
    expect((await env.simulator.tally()).by_path[PATH[vendor]]).toBe(1);
  });

  it('gets a stream whose text is the plain answer’s', async () => {
    const { openai } = env.client();
    const plain = await openai.chat.completions.create({ model, messages });
    const stream = openai.chat.completions.stream({ model, messages, stream_options: { include_usage: true } });
    const streamed = await stream.finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(plain.choices[0]?.message.content);
    expect(streamed.choices[0]?.finish_reason).toBe('stop');
    expect(streamed.usage?.completion_tokens).toBe(plain.usage?.completion_tokens);
  });

  it('gets a tool call and sends its result back', async () => {
    const { openai } = env.client();
    const asked = await openai.chat.completions.create({ model, messages, tools, tool_choice: 'required' });
    const message = asked.choices[0]?.message;
    expect(asked.choices[0]?.finish_reason).toBe('tool_calls');
    const [call] = message?.tool_calls ?? [];
    if (message === undefined || call?.type !== 'function') throw new Error('no tool was called');
    expect(JSON.parse(call.function.arguments)).toHaveProperty('city');
    const result = { role: 'tool', tool_call_id: call.id, content: 'sunny' } as const;
    const answer = await openai.chat.completions.create({ model, messages: [...messages, message, result], tools });
    expect(answer.choices[0]?.message.content).toMatch(/\w/);
  });

  it('gets the other vendors’ answer when this one breaks', async () => {
    const { openai } = env.client();
    await env.simulator.break(model, { kind: 'status', status: 500 });
    const others = VENDORS.filter((other) => other !== vendor).map((other) => `on-${other}`);
    const body = { model, messages, tokenhub: { policy: { fallback: true, models: [model, ...others] } } };
    const { response } = await openai.chat.completions.create(body).withResponse();
    expect(response.headers.get('x-tokenhub-model')).toBe(others[0]);
    expect(response.headers.get('x-tokenhub-attempts')).toBe('3');
  });

  it('drops the upstream connection when the job is cancelled', async () => {
    const { openai } = env.client();
    const abort = new AbortController();
    await env.simulator.break(model, { kind: 'hang' });
    const call = openai.chat.completions.create({ model, messages }, { signal: abort.signal });
    call.catch(() => undefined);
    await env.simulator.until((tally) => tally.in_flight === 1, 'the call to be upstream');
    abort.abort();
    await env.simulator.until((tally) => tally.aborted === 1 && tally.in_flight === 0, 'the connection to be dropped');
    await expect(call).rejects.toThrow();
  });
});

describe('what a vendor lacks', () => {
  const body = { model: 'on-anthropic', messages, logprobs: true, seed: 7 };

  it('is left out and named in x-tokenhub-warning and on the attempt', async () => {
    const { openai } = env.client();
    const { response } = await openai.chat.completions.create(body).withResponse();
    expect(response.headers.get('x-tokenhub-warning')).toBe('dropped: logprobs, seed');
    const job = await env.job(response.headers.get('x-tokenhub-job-id') ?? '');
    expect(job.attempts[0]).toMatchObject({ dropped_parameters: ['logprobs', 'seed'] });
  });

  it('is a 400 with policy.strict', async () => {
    const { openai } = env.client();
    const strict = { ...body, tokenhub: { policy: { strict: true } } };
    await expect(openai.chat.completions.create(strict)).rejects.toMatchObject({
      status: 400,
      code: 'unsupported_parameter',
    });
    expect((await env.simulator.tally()).by_path[PATH.anthropic]).toBeUndefined();
  });

  it('is a 400 where it cannot be left out: several answers', async () => {
    const { openai } = env.client();
    const several = { model: 'on-anthropic', messages, n: 2 };
    await expect(openai.chat.completions.create(several)).rejects.toMatchObject({ status: 400, param: 'n' });
  });
});

it('a vLLM provider spreads its calls over its endpoints', async () => {
  const { openai } = env.client();
  await env.simulator.break('on-vllm', { kind: 'hang' });
  const calls = [1, 2].map(() => {
    const abort = new AbortController();
    const call = openai.chat.completions.create({ model: 'on-vllm', messages }, { signal: abort.signal });
    call.catch(() => undefined);
    return { abort, call };
  });
  await env.simulator.until((tally) => tally.in_flight === 2, 'both calls to be upstream');
  const hosts = await waitFor(
    async () => {
      const chats = (await env.simulator.requests()).filter(({ path }) => path === PATH.vllm);
      return chats.length === 2 && chats.map(({ headers }) => headers.host?.split(':')[0]);
    },
    { describe: 'both calls to be seen' },
  );
  expect(new Set(hosts)).toEqual(new Set(['127.0.0.1', 'localhost']));
  for (const { abort } of calls) abort.abort();
  await env.simulator.until((tally) => tally.in_flight === 0, 'both to be dropped');
});
