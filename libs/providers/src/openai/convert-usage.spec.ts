import { expect, test } from '@jest/globals';
import type { Usage } from '#contracts/usage.js';
import { toUsage } from './convert-usage.js';

/** Input, output, read from a cache, written to one, reasoning. */
type Figures = [number, number, number, number, number];

const figuresOf = (usage: Usage): Figures => [
  usage.inputTokens,
  usage.outputTokens,
  usage.cachedInputTokens,
  usage.cacheWriteInputTokens,
  usage.reasoningTokens,
];

test.each<[string, unknown, Figures | null]>([
  ['plain', { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 }, [19, 10, 0, 0, 0]],
  [
    'cached and reasoning are inside the totals',
    {
      prompt_tokens: 2006,
      completion_tokens: 300,
      total_tokens: 2306,
      prompt_tokens_details: { cached_tokens: 1920 },
      completion_tokens_details: { reasoning_tokens: 256 },
    },
    [2006, 300, 1920, 0, 256],
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
    [32, 103, 6, 0, 94],
  ],
  [
    'DeepSeek: cache hits beside the details',
    {
      prompt_tokens: 100,
      completion_tokens: 5,
      total_tokens: 105,
      prompt_cache_hit_tokens: 64,
      prompt_cache_miss_tokens: 36,
    },
    [100, 5, 64, 0, 0],
  ],
  ['an embedding has no completion', { prompt_tokens: 5, total_tokens: 5 }, [5, 0, 0, 0, 0]],
  [
    'null details',
    { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: null, completion_tokens_details: null },
    [5, 1, 0, 0, 0],
  ],
  [
    'more cached than there is',
    { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 9 } },
    [5, 1, 5, 0, 0],
  ],
  [
    'cache writes are inside the prompt, beside what was cached',
    {
      prompt_tokens: 2006,
      completion_tokens: 1,
      prompt_tokens_details: { cached_tokens: 500, cache_write_tokens: 1000 },
    },
    [2006, 1, 500, 1000, 0],
  ],
  [
    'more written than is left beside what was cached',
    { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: 9 } },
    [5, 1, 3, 2, 0],
  ],
  [
    'unreadable cache writes',
    { prompt_tokens: 5, completion_tokens: 1, prompt_tokens_details: { cached_tokens: 3, cache_write_tokens: '9' } },
    [5, 1, 3, 0, 0],
  ],
  ['absent', undefined, null],
  ['null', null, null],
  ['unreadable', { prompt_tokens: '5' }, null],
  ['nonsense input', { prompt_tokens: 1_000_000_001, completion_tokens: 3 }, null],
  ['nonsense output', { prompt_tokens: 1, completion_tokens: 9e15 }, null],
  [
    'nonsense reasoning',
    { prompt_tokens: 1, completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 ** 53 } },
    null,
  ],
  ['the most that is believed', { prompt_tokens: 1e9, completion_tokens: 1e9 }, [1e9, 1e9, 0, 0, 0]],
  ['large figures of something else', { prompt_tokens: 1, completion_tokens: 3, spent_ns: 9e15 }, [1, 3, 0, 0, 0]],
  ['negative', { prompt_tokens: -1, completion_tokens: 3 }, null],
])('%s', (_name, raw, expected) => {
  const usage = toUsage(raw);
  expect(usage && figuresOf(usage)).toEqual(expected);
});
