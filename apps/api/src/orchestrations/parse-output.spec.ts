import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import type { OutputSpec } from '#contracts/orchestration.js';
import { parseOutput, type GivenSchema } from './parse-output.js';

const schema = { type: 'object', required: ['answer'] };
const elsewhere: GivenSchema[] = [{ schema, param: 'orchestration.output_schema' }];
const parse = (value: unknown, schemas?: GivenSchema[]): OutputSpec | null =>
  parseOutput(value, { path: 'output', ...(schemas && { schemas }) });

it.each<[unknown, GivenSchema[] | undefined, OutputSpec | null]>([
  [undefined, undefined, null],
  [null, undefined, null],
  [{}, undefined, null],
  [{ format: null, schema: null, strip_think: null }, undefined, null],
  [{ strip_think: false }, undefined, null],
  [{ strip_think: true }, undefined, { format: null, schema: null, stripThink: true }],
  [{ format: 'text' }, undefined, { format: 'text', schema: null, stripThink: true }],
  [{ format: 'json' }, undefined, { format: 'json', schema: null, stripThink: true }],
  [{ schema }, undefined, { format: 'json', schema, stripThink: true }],
  [{ format: 'json', schema, strip_think: true }, undefined, { format: 'json', schema, stripThink: true }],
  [undefined, elsewhere, { format: 'json', schema, stripThink: true }],
  [{ strip_think: true }, elsewhere, { format: 'json', schema, stripThink: true }],
])('%j with a schema elsewhere: %j', (value, schemas, spec) => {
  expect(parse(value, schemas)).toStrictEqual(spec);
});

it.each<[unknown, GivenSchema[] | undefined, string, string]>([
  ['json', undefined, 'invalid_type', 'output'],
  [[], undefined, 'invalid_type', 'output'],
  [{ format: 'yaml' }, undefined, 'invalid_value', 'output.format'],
  [{ format: 1 }, undefined, 'invalid_value', 'output.format'],
  [{ schema: 'object' }, undefined, 'invalid_type', 'output.schema'],
  [{ schema: [schema] }, undefined, 'invalid_type', 'output.schema'],
  [{ strip_think: 'yes' }, undefined, 'invalid_type', 'output.strip_think'],
  [{ max_tokens: 5 }, undefined, 'unknown_parameter', 'output.max_tokens'],
  [{ format: 'markdown', schema }, undefined, 'unsupported_value', 'output.schema'],
  [{ format: 'text', schema }, undefined, 'unsupported_value', 'output.schema'],
  [{ format: 'xml' }, elsewhere, 'unsupported_value', 'orchestration.output_schema'],
  [{ schema }, elsewhere, 'invalid_request', 'orchestration.output_schema'],
  [undefined, [...elsewhere, { schema, param: 'request.output_schema' }], 'invalid_request', 'request.output_schema'],
  [{ schema: { $ref: 'https://example.org/schema.json' } }, undefined, 'invalid_schema', 'output.schema'],
  [{ schema: { $ref: '#' } }, undefined, 'invalid_schema', 'output.schema'],
  [{ schema: { type: 'nothing' } }, undefined, 'invalid_schema', 'output.schema'],
  [undefined, [{ schema: { type: 7 }, param: 'request.output_schema' }], 'invalid_schema', 'request.output_schema'],
])('%j with a schema elsewhere %j is refused with %s', (value, schemas, code, param) => {
  expect(() => parse(value, schemas)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});
