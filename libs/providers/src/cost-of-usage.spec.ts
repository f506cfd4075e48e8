import { expect, test } from '@jest/globals';
import type { Price } from '#contracts/registry-snapshot.js';
import type { Usage } from '#contracts/usage.js';
import { costOf } from '#routing/cost.js';
import { mergeUsage, toUsage as fromAnthropic } from './anthropic/convert-usage.js';
import { toUsage as fromOpenAi } from './openai/convert-usage.js';
import { toUsage as fromVllm } from './vllm/convert-usage.js';

/** Nano-dollars per token: 2.50, 0.25, 3.125 and 15 dollars per million. */
const OPENAI: Price = { inputNano: 2_500, cachedInputNano: 250, cacheWriteNano: 3_125, outputNano: 15_000 };
/** 2, 0.20, 2.50 and 10 dollars per million. */
const ANTHROPIC: Price = { inputNano: 2_000, cachedInputNano: 200, cacheWriteNano: 2_500, outputNano: 10_000 };
const VLLM: Price = { inputNano: 100, cachedInputNano: 10, cacheWriteNano: 100, outputNano: 400 };

const bill = (usage: Usage | null, price: Price): number | null => usage && costOf(usage, price);

/** Each row: the usage as the vendor writes it, and its bill by hand: input, cache reads, cache writes, output. */
test.each<[string, object, number]>([
  ['nothing cached', { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 }, 19 * 2_500 + 10 * 15_000],
  [
    'cached reads inside the prompt, reasoning inside the completion',
    {
      prompt_tokens: 2_006,
      completion_tokens: 300,
      total_tokens: 2_306,
      prompt_tokens_details: { cached_tokens: 1_920, audio_tokens: 0 },
      completion_tokens_details: { reasoning_tokens: 256 },
    },
    86 * 2_500 + 1_920 * 250 + 300 * 15_000,
  ],
  [
    'a prompt that was cached entirely',
    { prompt_tokens: 1_024, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 1_024 } },
    1_024 * 250 + 15_000,
  ],
  [
    'cache writes inside the prompt, too',
    {
      prompt_tokens: 2_006,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 500, cache_write_tokens: 1_000 },
    },
    506 * 2_500 + 500 * 250 + 1_000 * 3_125 + 15_000,
  ],
  [
    'xAI: reasoning beside the completion',
    {
      prompt_tokens: 32,
      completion_tokens: 9,
      total_tokens: 135,
      prompt_tokens_details: { cached_tokens: 6 },
      completion_tokens_details: { reasoning_tokens: 94 },
    },
    26 * 2_500 + 6 * 250 + 103 * 15_000,
  ],
  [
    'DeepSeek: hits beside the details',
    { prompt_tokens: 100, completion_tokens: 5, prompt_cache_hit_tokens: 64, prompt_cache_miss_tokens: 36 },
    36 * 2_500 + 64 * 250 + 5 * 15_000,
  ],
  ['an embedding', { prompt_tokens: 5, total_tokens: 5 }, 5 * 2_500],
])('what OpenAI’s shape is billed: %s', (_case, usage, nano) => {
  expect(bill(fromOpenAi(usage), OPENAI)).toBe(nano);
});

test.each<[string, object, number]>([
  ['nothing cached', { input_tokens: 19, output_tokens: 10 }, 19 * 2_000 + 10 * 10_000],
  [
    'the call that fills the cache: writes beside the input',
    { input_tokens: 4, cache_creation_input_tokens: 2_048, cache_read_input_tokens: 0, output_tokens: 10 },
    4 * 2_000 + 2_048 * 2_500 + 10 * 10_000,
  ],
  [
    'the call that reads it again: reads beside the input',
    { input_tokens: 4, cache_creation_input_tokens: 0, cache_read_input_tokens: 2_048, output_tokens: 10 },
    4 * 2_000 + 2_048 * 200 + 10 * 10_000,
  ],
  [
    'reads and writes in one call',
    { input_tokens: 3, cache_creation_input_tokens: 20, cache_read_input_tokens: 100, output_tokens: 5 },
    3 * 2_000 + 100 * 200 + 20 * 2_500 + 5 * 10_000,
  ],
  [
    'thinking inside the output',
    { input_tokens: 3, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } },
    3 * 2_000 + 50 * 10_000,
  ],
  [
    'a stream: the input as it began, the output as it ended',
    mergeUsage(
      { input_tokens: 4, cache_creation_input_tokens: 30, cache_read_input_tokens: 2_048, output_tokens: 1 },
      { output_tokens: 10 },
    ),
    4 * 2_000 + 2_048 * 200 + 30 * 2_500 + 10 * 10_000,
  ],
])('what Anthropic’s shape is billed: %s', (_case, usage, nano) => {
  expect(bill(fromAnthropic(usage), ANTHROPIC)).toBe(nano);
});

test.each<[string, object, number]>([
  [
    'a server that does not count its cache',
    { prompt_tokens: 80, total_tokens: 90, completion_tokens: 10, prompt_tokens_details: null },
    80 * 100 + 10 * 400,
  ],
  [
    'one that does',
    { prompt_tokens: 80, total_tokens: 90, completion_tokens: 10, prompt_tokens_details: { cached_tokens: 64 } },
    16 * 100 + 64 * 10 + 10 * 400,
  ],
])('what vLLM’s shape is billed: %s', (_case, usage, nano) => {
  expect(bill(fromVllm(usage), VLLM)).toBe(nano);
});
