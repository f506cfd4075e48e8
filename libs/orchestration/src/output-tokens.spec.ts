import { expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { outputTokens } from './output-tokens.js';

const completion = (usage: unknown, content = 'eight ch'): JsonObject => ({
  choices: [{ message: { role: 'assistant', content } }],
  usage,
});

it.each([
  ['is the provider\u2019s count', { completion_tokens: 6 }, 'eight ch', 6],
  [
    'leaves out what was thought',
    { completion_tokens: 60, completion_tokens_details: { reasoning_tokens: 54 } },
    'eight ch',
    6,
  ],
  ['shrinks with the text', { completion_tokens: 6 }, 'eig', 3],
  ['is unknown without usage', null, 'eight ch', undefined],
  ['is unknown where the count is no number', { completion_tokens: '6' }, 'eight ch', undefined],
  [
    'is unknown where only was thought',
    { completion_tokens: 6, completion_tokens_details: { reasoning_tokens: 6 } },
    'x',
    undefined,
  ],
])('%s', (_what, usage, text, tokens) => {
  expect(outputTokens(completion(usage), text)).toBe(tokens);
});

it('is unknown where nothing was written', () => {
  expect(outputTokens(completion({ completion_tokens: 6 }, ''), '')).toBeUndefined();
});
