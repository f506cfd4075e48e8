import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { CallKind } from '#contracts/job-state.js';
import type { Price, ProviderType } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { toNanoPerToken } from '#registry/build-snapshot.js';
import { costOf } from '#routing/cost.js';
import { adapterFor } from './adapters.js';
import { startUpstream, type Upstream } from './fixtures/upstream.js';

/**
 * From a vendor's bytes to the bill: the answer goes through the vendor's adapter, the price through what reads the configuration,
 * and tokens by kind and nano-dollars are compared with figures that were worked out by hand.
 */
const TIMEOUTS = { connectMs: 1_000, firstTokenMs: 2_000, idleMs: 2_000, answerMs: 600_000, coolDownMs: 30_000 };

/** Dollars per 1,000 tokens as a configuration file has them: input, read from a cache, written to one, output. */
const PRICES: Record<ProviderType, Price> = {
  openai: priceOf(0.0025, 0.00025, 0.003125, 0.015),
  anthropic: { ...priceOf(0.003, 0.0003, 0.00375, 0.015), cacheWrite1hNano: toNanoPerToken(0.006) },
  vllm: priceOf(0.0001, 0.00001, 0.0001, 0.0004),
};

function priceOf(...usdPer1k: [number, number, number, number]): Price {
  const [inputNano, cachedInputNano, cacheWriteNano, outputNano] = usdPer1k.map(toNanoPerToken) as typeof usdPer1k;
  return { inputNano, cachedInputNano, cacheWriteNano, outputNano };
}

interface Answer {
  kind?: CallKind;
  body: string;
  streamed?: true;
}

const openAiChat = (usage?: object): Answer => ({
  body: JSON.stringify({
    ...{ id: 'c-1', object: 'chat.completion', created: 1, model: 'm', ...(usage && { usage }) },
    choices: [{ index: 0, message: { role: 'assistant', content: 'ok' }, finish_reason: 'stop' }],
  }),
});

/** As OpenAI streams it: the usage in a chunk of its own, without choices. */
const openAiStream = (usage?: object): Answer => {
  const chunk = (fields: object): string =>
    `data: ${JSON.stringify({ id: 'c-1', object: 'chat.completion.chunk', created: 1, model: 'm', ...fields })}\n\n`;
  const choice = (delta: object, finish: string | null): object => ({
    choices: [{ index: 0, delta, finish_reason: finish }],
  });
  const pieces = [choice({ role: 'assistant', content: 'ok' }, null), choice({}, 'stop')].map(chunk);
  return { streamed: true, body: [...pieces, usage ? chunk({ choices: [], usage }) : '', 'data: [DONE]\n\n'].join('') };
};

const openAiCompletion = (usage?: object): Answer => ({
  kind: 'completion',
  body: JSON.stringify({
    ...{ id: 'c-1', object: 'text_completion', created: 1, model: 'm', ...(usage && { usage }) },
    choices: [{ index: 0, text: 'ok', finish_reason: 'stop', logprobs: null }],
  }),
});

const embedding = (usage?: object): Answer => ({
  kind: 'embedding',
  body: JSON.stringify({
    ...{ object: 'list', model: 'm', ...(usage && { usage }) },
    data: [{ object: 'embedding', index: 0, embedding: [0.5, -0.25] }],
  }),
});

const anthropic = (usage?: object): Answer => ({
  body: JSON.stringify({
    ...{ id: 'msg_1', type: 'message', role: 'assistant', model: 'm', ...(usage && { usage }) },
    content: [{ type: 'text', text: 'ok' }],
    ...{ stop_reason: 'end_turn', stop_sequence: null },
  }),
});

/** Anthropic says the input as a stream begins, and the output as it ends. */
const anthropicStream = (begun?: object, ended?: object): Answer => {
  const event = (type: string, fields: object): string =>
    `event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`;
  const message = { id: 'msg_1', type: 'message', role: 'assistant', model: 'm', content: [], stop_reason: null };
  return {
    streamed: true,
    body: [
      event('message_start', { message: { ...message, ...(begun && { usage: begun }) } }),
      event('content_block_start', { index: 0, content_block: { type: 'text', text: '' } }),
      event('content_block_delta', { index: 0, delta: { type: 'text_delta', text: 'ok' } }),
      event('content_block_stop', { index: 0 }),
      event('message_delta', { delta: { stop_reason: 'end_turn' }, ...(ended && { usage: ended }) }),
      event('message_stop', {}),
    ].join(''),
  };
};

/** Input, output, read from a cache, written to one, reasoning, written for an hour; and nano-dollars. Null: nothing was reported. */
type Golden = [tokens: [number, number, number, number, number, anHour?: number], nano: number] | null;

const CACHED_AND_REASONING = {
  ...{ prompt_tokens: 2_006, completion_tokens: 300, total_tokens: 2_306 },
  prompt_tokens_details: { cached_tokens: 1_920, audio_tokens: 0 },
  completion_tokens_details: { reasoning_tokens: 256, accepted_prediction_tokens: 0 },
};
/** 86 × 2,500 + 1,920 × 250 + 300 × 15,000. */
const CACHED_AND_REASONING_GOLDEN: Golden = [[2_006, 300, 1_920, 0, 256], 5_195_000];

const ANTHROPIC_CACHE = {
  ...{ input_tokens: 21, cache_creation_input_tokens: 188, cache_read_input_tokens: 2_048, output_tokens: 393 },
  cache_creation: { ephemeral_5m_input_tokens: 188, ephemeral_1h_input_tokens: 0 },
};
/** 21 × 3,000 + 2,048 × 300 + 188 × 3,750 + 393 × 15,000; what OpenAI calls the prompt is 21 + 188 + 2,048. */
const ANTHROPIC_CACHE_GOLDEN: Golden = [[2_257, 393, 2_048, 188, 0], 7_277_400];

const ANTHROPIC_HOUR = {
  ...{ input_tokens: 4, cache_creation_input_tokens: 2_048, cache_read_input_tokens: 0, output_tokens: 10 },
  cache_creation: { ephemeral_5m_input_tokens: 0, ephemeral_1h_input_tokens: 2_048 },
};
/** 4 × 3,000 + 2,048 × 6,000 + 10 × 15,000. */
const ANTHROPIC_HOUR_GOLDEN: Golden = [[2_052, 10, 0, 2_048, 0, 2_048], 12_450_000];

const VLLM_CACHED = { prompt_tokens: 80, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 64 } };

const PLAIN = { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 };

let http: HttpClient;
let upstream: Upstream;

beforeEach(async () => {
  http = new HttpClient();
  upstream = await startUpstream();
});

afterEach(async () => {
  await upstream.close();
  await http.close();
});

test.each<[ProviderType, string, Answer, Golden]>([
  ['openai', 'chat', openAiChat(PLAIN), [[19, 10, 0, 0, 0], 197_500]],
  ['openai', 'chat, streamed', openAiStream(PLAIN), [[19, 10, 0, 0, 0], 197_500]],
  ['openai', 'chat, cached and reasoning', openAiChat(CACHED_AND_REASONING), CACHED_AND_REASONING_GOLDEN],
  ['openai', 'chat, cached and reasoning, streamed', openAiStream(CACHED_AND_REASONING), CACHED_AND_REASONING_GOLDEN],
  [
    'openai',
    'chat, cached entirely',
    openAiChat({ prompt_tokens: 1_024, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 1_024 } }),
    [[1_024, 1, 1_024, 0, 0], 271_000],
  ],
  ['openai', 'chat, no usage given', openAiChat(), null],
  ['openai', 'chat, no usage given, streamed', openAiStream(), null],
  ['openai', 'completion', openAiCompletion(PLAIN), [[19, 10, 0, 0, 0], 197_500]],
  ['openai', 'embedding', embedding({ prompt_tokens: 5, total_tokens: 5 }), [[5, 0, 0, 0, 0], 12_500]],
  ['openai', 'embedding, no usage given', embedding(), null],
  ['anthropic', 'message', anthropic({ input_tokens: 19, output_tokens: 10 }), [[19, 10, 0, 0, 0], 207_000]],
  ['anthropic', 'message, cache read and written', anthropic(ANTHROPIC_CACHE), ANTHROPIC_CACHE_GOLDEN],
  [
    'anthropic',
    'message, cache read and written, streamed',
    anthropicStream({ ...ANTHROPIC_CACHE, output_tokens: 1 }, { output_tokens: 393 }),
    ANTHROPIC_CACHE_GOLDEN,
  ],
  [
    'anthropic',
    'message, the call that fills the cache',
    anthropic({ input_tokens: 4, cache_creation_input_tokens: 2_048, cache_read_input_tokens: 0, output_tokens: 10 }),
    [[2_052, 10, 0, 2_048, 0], 7_842_000],
  ],
  ['anthropic', 'message, written for an hour', anthropic(ANTHROPIC_HOUR), ANTHROPIC_HOUR_GOLDEN],
  [
    'anthropic',
    'message, written for an hour, streamed',
    anthropicStream({ ...ANTHROPIC_HOUR, output_tokens: 1 }, { output_tokens: 10 }),
    ANTHROPIC_HOUR_GOLDEN,
  ],
  [
    'anthropic',
    'message, written for an hour and for five minutes, and read',
    anthropic({
      ...{ input_tokens: 4, cache_creation_input_tokens: 556, cache_read_input_tokens: 1_000, output_tokens: 10 },
      cache_creation: { ephemeral_5m_input_tokens: 456, ephemeral_1h_input_tokens: 100 },
    }),
    // 4 × 3,000 + 1,000 × 300 + 456 × 3,750 + 100 × 6,000 + 10 × 15,000.
    [[1_560, 10, 1_000, 556, 0, 100], 2_772_000],
  ],
  [
    'anthropic',
    'message, thinking',
    anthropic({ input_tokens: 3, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } }),
    [[3, 50, 0, 0, 40], 759_000],
  ],
  ['anthropic', 'message, no usage given', anthropic(), null],
  ['anthropic', 'message, no usage given, streamed', anthropicStream(), null],
  ['vllm', 'chat', openAiChat({ ...PLAIN, prompt_tokens_details: null }), [[19, 10, 0, 0, 0], 5_900]],
  ['vllm', 'chat, cached', openAiChat(VLLM_CACHED), [[80, 10, 64, 0, 0], 6_240]],
  ['vllm', 'chat, cached, streamed', openAiStream(VLLM_CACHED), [[80, 10, 64, 0, 0], 6_240]],
  ['vllm', 'chat, streamed', openAiStream({ ...PLAIN, prompt_tokens_details: null }), [[19, 10, 0, 0, 0], 5_900]],
  ['vllm', 'chat, no usage given', openAiChat(), null],
  ['vllm', 'embedding', embedding({ prompt_tokens: 7, total_tokens: 7, completion_tokens: 0 }), [[7, 0, 0, 0, 0], 700]],
])('%s: %s', async (type, _what, { kind = 'chat', body, streamed }, golden) => {
  upstream.answer = (res: ServerResponse) => {
    res.writeHead(200, { 'content-type': streamed ? 'text/event-stream' : 'application/json' }).end(body);
  };
  const { usage } = await adapterFor(type, http).execute({
    ...{ kind, upstreamModel: 'm', endpoint: upstream.endpoint, credential: 'secret', timeouts: TIMEOUTS },
    body: kind === 'chat' ? { messages: [{ role: 'user', content: 'Say ok.' }] } : { prompt: 'Say ok.', input: 'ok' },
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    maxOutputTokens: 1_000,
    ...(streamed && { onDelta: () => undefined }),
  });
  if (golden === null) {
    // The worker counts what was sent and received instead, and marks it as estimated.
    expect(usage).toBeNull();
    return;
  }
  const [[inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens, anHour], nano] = golden;
  expect(usage).toStrictEqual({
    ...{ inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens },
    ...(anHour !== undefined && { cacheWrite1hInputTokens: anHour }),
  });
  expect(usage && costOf(usage, PRICES[type])).toBe(nano);
});
