import { describe, expect, it } from '@jest/globals';
import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Model } from '#contracts/registry-snapshot.js';
import { dearestCost, requestFeatures, type RequestFeatures } from './request-features.js';

const read = (body: JsonObject, kind: CallKind = 'chat'): RequestFeatures =>
  requestFeatures({ kind, body, inputTokens: 10 });
const image = [
  {
    role: 'user',
    content: [
      { type: 'text', text: 'x' },
      { type: 'image_url', image_url: { url: 'data:,' } },
    ],
  },
];

describe('requestFeatures', () => {
  it.each<[string, JsonObject, RequestFeatures['needs']]>([
    ['nothing of a plain chat', { messages: [{ role: 'user', content: 'x' }] }, []],
    ['tools of tools', { tools: [{}] }, ['tools']],
    ['tools of the older functions', { functions: [{}] }, ['tools']],
    ['nothing of empty tools', { tools: [], functions: [] }, []],
    ['vision of a picture in any message', { messages: image }, ['vision']],
    ['a JSON schema', { response_format: { type: 'json_schema' } }, ['json_schema']],
    ['nothing of a JSON object, which every model writes', { response_format: { type: 'json_object' } }, []],
    ['streaming', { stream: true }, ['streaming']],
    [
      'all of them',
      { tools: [{}], messages: image, response_format: { type: 'json_schema' }, stream: true },
      ['tools', 'vision', 'json_schema', 'streaming'],
    ],
    [
      'nothing of malformed fields',
      { tools: 'x', messages: [null, { content: [null, 3] }], response_format: 1, stream: 'yes' },
      [],
    ],
  ])('needs %s', (_name, body, needs) => {
    expect(read(body).needs).toEqual(needs);
  });

  it.each<[string, JsonObject, number | null]>([
    ['the newer bound first', { max_completion_tokens: 7, max_tokens: 9 }, 7],
    ['the older bound', { max_tokens: 9 }, 9],
    ['no bound', {}, null],
    ['no bound that is null', { max_completion_tokens: null, max_tokens: null }, null],
    ['no bound that is no amount', { max_completion_tokens: '7', max_tokens: -1 }, null],
  ])('takes %s', (_name, body, tokens) => {
    expect(read(body).requestedOutputTokens).toBe(tokens);
  });

  it.each<[CallKind, JsonObject, number]>([
    ['chat', {}, 1],
    ['chat', { n: 3 }, 3],
    ['completion', { prompt: 'x' }, 1],
    ['completion', { prompt: ['x', 'y'], n: 2 }, 4],
    ['completion', { prompt: [1, 2, 3] }, 1],
    ['completion', { prompt: [[1], [2]], best_of: 3 }, 6],
    ['embedding', { input: ['x', 'y'] }, 0],
  ])('counts the answers of a %s %j', (kind, body, answers) => {
    expect(read(body, kind).answers).toBe(answers);
  });

  it('takes the name as it was written and the longest input where one is given', () => {
    expect(read({ model: 'gpt-4o' })).toMatchObject({ model: 'gpt-4o', inputTokens: 10, longestInputTokens: 10 });
    expect(read({ model: 5 }).model).toBeNull();
    expect(
      requestFeatures({ kind: 'embedding', body: {}, inputTokens: 10, longestInputTokens: 4 }).longestInputTokens,
    ).toBe(4);
  });
});

describe('dearestCost', () => {
  const model = {
    maxOutputTokens: 100,
    price: { inputNano: 1, outputNano: 10, cachedInputNano: 0, cacheWriteNano: 0 },
  } as Model;
  it.each<[string, CallKind, JsonObject, number]>([
    ["the model's own bound where none is asked for", 'chat', {}, 1_010],
    ['the bound asked for', 'chat', { max_tokens: 20 }, 210],
    ["the model's bound where more is asked for", 'chat', { max_tokens: 2_000 }, 1_010],
    ['every answer', 'chat', { max_tokens: 20, n: 2 }, 410],
    ['input alone of an embedding', 'embedding', {}, 10],
  ])('reserves %s', (_name, kind, body, nano) => {
    expect(dearestCost(read(body, kind), model)).toBe(nano);
  });

  it.each([
    ['written to a cache', { cacheWriteNano: 4 }],
    ['read from one', { cachedInputNano: 4 }],
  ])('reserves input as if all of it were %s, where that is the dearest', (_how, price) => {
    const dear = { ...model, price: { ...model.price, ...price } };
    expect(dearestCost(read({ max_tokens: 20 }), dear)).toBe(10 * 4 + 20 * 10);
  });
});
