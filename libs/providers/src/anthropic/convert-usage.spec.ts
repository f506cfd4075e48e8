import { expect, test } from '@jest/globals';
import { mergeUsage, toOpenAiUsage, toUsage } from './convert-usage.js';

test.each<[string, unknown, [number, number, number, number] | null]>([
  ['plain', { input_tokens: 19, output_tokens: 10 }, [19, 10, 0, 0]],
  [
    'cache reads and writes stand beside the input',
    { input_tokens: 3, cache_read_input_tokens: 100, cache_creation_input_tokens: 20, output_tokens: 5 },
    [123, 5, 100, 0],
  ],
  [
    'thinking stands inside the output',
    { input_tokens: 3, output_tokens: 50, output_tokens_details: { thinking_tokens: 40 } },
    [3, 50, 0, 40],
  ],
  [
    'nulls',
    { input_tokens: 3, cache_read_input_tokens: null, output_tokens: 1, output_tokens_details: null },
    [3, 1, 0, 0],
  ],
  ['absent', undefined, null],
  ['unreadable', { input_tokens: '3' }, null],
])('%s', (_name, raw, expected) => {
  const usage = toUsage(raw);
  expect(usage && [usage.inputTokens, usage.outputTokens, usage.cachedInputTokens, usage.reasoningTokens]).toEqual(
    expected,
  );
  const shown = toOpenAiUsage(raw);
  expect(shown && [shown.prompt_tokens, shown.completion_tokens]).toEqual(expected?.slice(0, 2) ?? null);
});

test('a stream’s figures are cumulative, and one that is left out stands', () => {
  const begun = mergeUsage({}, { input_tokens: 10, cache_read_input_tokens: 5, output_tokens: 1 });
  const ended = mergeUsage(begun, { output_tokens: 30, cache_read_input_tokens: null });
  expect(toUsage(mergeUsage(ended, undefined))).toMatchObject({
    inputTokens: 15,
    cachedInputTokens: 5,
    outputTokens: 30,
  });
});
