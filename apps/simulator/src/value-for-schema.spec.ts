import { describe, expect, it } from '@jest/globals';
import { Ajv2020 } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { valueForSchema, type JsonSchema } from './value-for-schema.js';

const ajv = new Ajv2020({ strict: false });
addFormats.default(ajv);

const SCHEMAS: Record<string, JsonSchema> = {
  anything: true,
  'an empty schema': {},
  'a constant': { const: { a: [1] } },
  'an enum': { enum: ['red', 'green', 3] },
  'a nullable type': { type: ['string', 'null'] },
  'a short string': { type: 'string', minLength: 3, maxLength: 5 },
  'a long string': { type: 'string', minLength: 200 },
  'bounded integers': { type: 'integer', minimum: 7, maximum: 8 },
  'an exclusive range': { type: 'number', exclusiveMinimum: 0, exclusiveMaximum: 0.25 },
  'a negative maximum': { type: 'integer', maximum: -3 },
  'a multiple': { type: 'integer', multipleOf: 5, minimum: 12 },
  'an array': { type: 'array', items: { type: 'boolean' }, minItems: 3, maxItems: 4 },
  'an empty array': { type: 'array', maxItems: 0 },
  'a tuple': { type: 'array', prefixItems: [{ type: 'integer' }, { const: 'x' }], items: false },
  'a verdict': {
    type: 'object',
    properties: {
      choice: { type: 'integer', minimum: 1, maximum: 3 },
      reason: { type: 'string' },
      when: { type: 'string', format: 'date-time' },
      scores: { type: 'array', items: { type: 'number', minimum: 0, maximum: 1 } },
    },
    required: ['choice', 'reason', 'when', 'scores'],
    additionalProperties: false,
  },
  alternatives: { anyOf: [{ type: 'object', properties: { a: { const: 1 } }, required: ['a'] }, { type: 'null' }] },
  'all of several': {
    allOf: [
      { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] },
      { properties: { b: { type: 'integer' } }, required: ['b'] },
    ],
  },
  'a tree of itself': {
    $ref: '#/$defs/node',
    $defs: {
      node: {
        type: 'object',
        properties: {
          name: { type: 'string' },
          children: { type: 'array', items: { $ref: '#/$defs/node' } },
          next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] },
        },
        required: ['name', 'children', 'next'],
        additionalProperties: false,
      },
    },
  },
};

describe('valueForSchema', () => {
  it.each(Object.entries(SCHEMAS))('satisfies %s, whatever the seed', (_, schema) => {
    const valid = ajv.compile(schema);
    for (let seed = 1; seed < 2 ** 32; seed *= 3) {
      const value = valueForSchema(schema, seed);
      valid(value);
      expect({ value, errors: valid.errors ?? [] }).toEqual({ value, errors: [] });
      expect(valueForSchema(schema, seed)).toEqual(value);
    }
  });

  it('says so when a schema requires itself', () => {
    const endless = { type: 'object', properties: { next: { $ref: '#' } }, required: ['next'] };
    expect(() => valueForSchema(endless, 1)).toThrow(RangeError);
  });
});
