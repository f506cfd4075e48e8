import { expect, test } from '@jest/globals';
import type { Usage } from '#contracts/usage.js';
import { mergeUsage, toOpenAiUsage, toUsage } from './convert-usage.js';

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
  ['plain', { input_tokens: 19, output_tokens: 10 }, [19, 10, 0, 0, 0]],
  [
    'cache reads and writes stand beside the input',
    { input_tokens: 3, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, output_tokens: 5 },
    [123, 5, 100, 20, 0],
  ],
  [
    'thinking stands inside the output',
    { input_tokens: 3, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } },
    [3, 50, 0, 0, 40],
  ],
  [
    'nulls',
    { input_tokens: 3, cache_read_input_tokens: null, output_tokens: 1, output_tokens_details: null },
    [3, 1, 0, 0, 0],
  ],
  ['absent', undefined, null],
  ['unreadable', { input_tokens: '3' }, null],
  ['nonsense input', { input_tokens: 2e9, output_tokens: 1 }, null],
  ['nonsense output', { input_tokens: 3, output_tokens: 9e15 }, null],
  ['nonsense cache reads', { input_tokens: 3, output_tokens: 1, cache_read_input_tokens: 1e12 }, null],
  [
    'nonsense cache writes',
    { input_tokens: 3, output_tokens: 1, cache_creation: { ephemeral_1h_input_tokens: 1e12 } },
    null,
  ],
])('%s', (_name, raw, expected) => {
  const usage = toUsage(raw);
  expect(usage && figuresOf(usage)).toEqual(expected);
  const shown = toOpenAiUsage(raw);
  expect(shown && [shown.prompt_tokens, shown.completion_tokens]).toEqual(expected?.slice(0, 2) ?? null);
  expect(shown?.prompt_tokens_details).toEqual(
    expected ? { cached_tokens: expected[2], cache_write_tokens: expected[3] } : undefined,
  );
});

test.each<[string, object, number | undefined]>([
  ['none said', { cache_creation_input_tokens: 20 }, undefined],
  [
    'five minutes alone',
    { cache_creation_input_tokens: 20, cache_creation: { ephemeral_5m_input_tokens: 20 } },
    undefined,
  ],
  ['both', { cache_creation_input_tokens: 20, cache_creation: { ephemeral_1h_input_tokens: 15 } }, 15],
  ['more than was written', { cache_creation_input_tokens: 20, cache_creation: { ephemeral_1h_input_tokens: 25 } }, 20],
  ['null', { cache_creation_input_tokens: 20, cache_creation: null }, undefined],
])('of what was written an hour’s part: %s', (_name, written, expected) => {
  const usage = toUsage({ input_tokens: 3, output_tokens: 1, ...written });
  expect(usage?.cacheWriteInputTokens).toBe(20);
  expect(usage?.cacheWrite1hInputTokens).toBe(expected);
});

test('a stream’s figures are cumulative, and one that is left out stands', () => {
  const cache = { cache_read_input_tokens: 5, cache_creation_input_tokens: 4 };
  const begun = mergeUsage({}, { input_tokens: 10, ...cache, output_tokens: 1 });
  const ended = mergeUsage(begun, { output_tokens: 30, cache_read_input_tokens: null });
  expect(toUsage(mergeUsage(ended, undefined))).toMatchObject({
    inputTokens: 19,
    cachedInputTokens: 5,
    cacheWriteInputTokens: 4,
    outputTokens: 30,
  });
});
