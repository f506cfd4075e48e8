import { describe, expect, it } from '@jest/globals';
import { answerText } from './answer-text.js';

describe('what is counted when a provider reports no usage', () => {
  it.each([
    ['the text of every choice', { choices: [{ message: { content: 'a' } }, { message: { content: 'b' } }] }, 'ab'],
    ['refusals and reasoning', { choices: [{ message: { content: null, refusal: 'no', reasoning: 'why' } }] }, 'nowhy'],
    ['tool calls as JSON', { choices: [{ message: { tool_calls: [{ id: 'x' }] } }] }, '[{"id":"x"}]'],
    ['a legacy completion', { choices: [{ text: 'once' }] }, 'once'],
    ['nothing of embeddings', { data: [{ embedding: [1, 2] }] }, ''],
    ['nothing of a role', { choices: [{ message: { role: 'assistant' } }] }, ''],
  ])('is %s', (_name, body, text) => {
    expect(answerText(JSON.stringify(body))).toBe(text);
  });
});
