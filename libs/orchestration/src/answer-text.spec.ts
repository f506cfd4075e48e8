import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { answerOf, completionWith } from './answer-text.js';

const saying = (message: JsonObject, ...more: JsonObject[]): JsonObject => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  model: 'm',
  choices: [{ index: 0, finish_reason: 'length', message: { role: 'assistant', ...message } }, ...more],
  usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 },
});
const call = (name: string, json: string) => ({ id: 'call_1', type: 'function', function: { name, arguments: json } });
const parts = [{ type: 'text', text: 'Ber' }, { type: 'text', text: 'lin' }, { type: 'unknown' }];

describe('answerOf', () => {
  it.each<[string, JsonObject, string]>([
    ['a text as it is', saying({ content: ' Berlin\n' }), ' Berlin\n'],
    ['parts joined without a seam', saying({ content: parts }), 'Berlin'],
    ['a part that refuses', saying({ content: [{ type: 'refusal', refusal: 'No.' }] }), 'No.'],
    ['a refusal', saying({ content: null, refusal: 'I will not.' }), 'I will not.'],
    [
      'tool calls where there is no text',
      saying({ content: '\n', tool_calls: [call('weather', '{"city":"Paris"}'), call('time', '')] }),
      '[tool call] weather({"city":"Paris"})\n[tool call] time()',
    ],
    [
      'a custom tool and arguments that are no text',
      saying({
        content: null,
        tool_calls: [
          { type: 'custom', custom: { name: 'sql', input: 'select "1"' } },
          { type: 'function', function: { name: 'f', arguments: { a: 1 } } },
          { type: 'function', function: { name: 'g' } },
        ],
      }),
      '[tool call] sql("select \\"1\\"")\n[tool call] f({"a":1})\n[tool call] g({})',
    ],
    [
      'the old form of a function call',
      saying({ content: null, function_call: { name: 'old', arguments: '{}' } }),
      '[tool call] old({})',
    ],
    ['the text before its tool calls', saying({ content: 'Looking.', tool_calls: [call('f', '{}')] }), 'Looking.'],
    ['the first choice', saying({ content: 'one' }, { index: 1, message: { content: 'two' } }), 'one'],
    ['nothing', saying({ content: null }), ''],
    ['nothing of a body without choices', {}, ''],
    ['nothing of choices that are none', { choices: [null] }, ''],
  ])('reads %s', (_name, completion, text) => {
    expect(answerOf(completion)).toBe(text);
  });
});

describe('completionWith', () => {
  it('changes what the first choice says and nothing else', () => {
    const second = { index: 1, message: { content: 'two' } };
    const completion = saying({ content: parts, annotations: [] }, second);
    const before = structuredClone(completion);
    expect(completionWith(completion, 'Paris')).toEqual(saying({ content: 'Paris', annotations: [] }, second));
    expect(completion).toEqual(before);
  });

  it.each<[string, JsonObject]>([
    ['a text', saying({ content: 'x' })],
    ['a refusal', saying({ content: null, refusal: 'No.' })],
    ['no choice', { choices: [] }],
  ])('makes the answer of a completion with %s that text', (_name, completion) => {
    expect(answerOf(completionWith(completion, 'Paris'))).toBe('Paris');
  });
});
