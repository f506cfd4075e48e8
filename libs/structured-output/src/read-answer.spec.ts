import { afterAll, describe, expect, it } from '@jest/globals';
import type { OutputSpec } from '#contracts/orchestration.js';
import { AnswerReader } from './read-answer.js';
import { SchemaValidator } from './schema-validator.js';

const validator = new SchemaValidator();
afterAll(() => validator.close());
const reader = new AnswerReader(validator);
const spec = (fields: Partial<OutputSpec>): OutputSpec => ({
  format: null,
  schema: null,
  stripThink: false,
  ...fields,
});
const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };

describe('AnswerReader', () => {
  it('leaves a text alone when nothing is asked of it', async () => {
    const text = '<think>hm</think>\n ```json\n{}';
    expect(await reader.read(text, spec({}))).toEqual({ kind: 'valid', text });
    expect(await reader.read('', spec({}))).toEqual({ kind: 'valid', text: '' });
  });

  it('takes thinking out first, also when it has JSON in it', async () => {
    const text = '<think>Perhaps {"a": "one"}?</think>\n```json\n{"a": 1}\n```';
    const asked = spec({ format: 'json', schema, stripThink: true });
    expect(await reader.read(text, asked)).toEqual({ kind: 'valid', text: '{"a": 1}' });
    expect(await reader.read(text, { ...asked, stripThink: false })).toEqual({ kind: 'valid', text: '{"a": 1}' });
    expect(await reader.read('<think>{"a": 1}</think>', asked)).toMatchObject({ kind: 'invalid', text: '' });
  });

  it('hands out JSON only when it satisfies the schema, and says what is wrong', async () => {
    const text = 'Here: {"a": "one"}';
    expect(await reader.read(text, spec({ format: 'json', schema }))).toEqual({
      kind: 'invalid',
      text,
      errors: ['/a must be integer.'],
    });
    expect(await reader.read(text, spec({ format: 'json' }))).toEqual({ kind: 'valid', text: '{"a": "one"}' });
  });

  it('says what is no JSON at all', async () => {
    expect(await reader.read('No.', spec({ format: 'json', schema }))).toMatchObject({
      kind: 'invalid',
      text: 'No.',
      errors: [expect.stringContaining('no JSON')],
    });
  });

  it('shapes the other formats', async () => {
    expect(await reader.read('**a**', spec({ format: 'text' }))).toEqual({ kind: 'valid', text: 'a' });
    expect(await reader.read('**a**', spec({ format: 'markdown' }))).toEqual({ kind: 'valid', text: '**a**' });
    expect(await reader.read('<think>x</think><a/>', spec({ format: 'xml', stripThink: true }))).toEqual({
      kind: 'valid',
      text: '<a/>',
    });
    expect(await reader.read('<a>', spec({ format: 'xml' }))).toMatchObject({ kind: 'invalid', text: '<a>' });
  });
});
