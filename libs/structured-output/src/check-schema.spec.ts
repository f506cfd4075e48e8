import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { checkSchema } from './check-schema.js';

function refusal(schema: unknown): string {
  try {
    checkSchema(schema, 'output.schema');
  } catch (error) {
    if (!(error instanceof TokenhubError)) throw error;
    expect(error).toMatchObject({ code: 'invalid_schema', status: 400, options: { param: 'output.schema' } });
    return error.message;
  }
  return 'accepted';
}

const draft07 = 'http://json-schema.org/draft-07/schema#';
const named = (count: number, of: (n: number) => unknown) =>
  Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, of(n)]));
const nested = (levels: number): unknown => JSON.parse('{"not":'.repeat(levels) + 'true' + '}'.repeat(levels));

describe('checkSchema refuses', () => {
  it.each<[string, unknown, RegExp]>([
    ['a string', 'object', /an object or a boolean/],
    ['null', null, /an object or a boolean/],
    ['an array', [], /an object or a boolean/],
    ['a type that does not exist', { properties: { a: { type: 'strnig' } } }, /\/properties\/a\/type must be/],
    ['a keyword with a value of the wrong type', { minLength: 'two' }, /\/minLength must be integer/],
    ['a schema that is no schema', { properties: { a: 1 } }, /\/properties\/a must be/],
    ['the same, in draft-07', { $schema: draft07, properties: { a: 1 } }, /\/properties\/a must be/],
    ['a tuple of draft-07 in 2020-12', { items: [{ type: 'string' }] }, /\/items must be/],
    ['draft-04', { $schema: 'http://json-schema.org/draft-04/schema#' }, /draft-07 or 2020-12/],
    ['draft 2019-09', { $schema: 'https://json-schema.org/draft/2019-09/schema' }, /draft-07 or 2020-12/],
    ['a meta-schema of its own', { $schema: 'https://example.com/meta' }, /draft-07 or 2020-12/],
    ['a $schema that is no text', { $schema: 7 }, /draft-07 or 2020-12/],
    ['a part of another draft', { $defs: { a: { $id: 'a', $schema: draft07 } } }, /another draft/],
    ['a remote reference', { $ref: 'https://example.com/order.json' }, /leads outside the schema/],
    ['a file', { $ref: 'file:///order.json' }, /leads outside the schema/],
    ['a reference relative to a remote id', { $id: 'https://a.example/b', $ref: 'c' }, /leads outside the schema/],
    ['a remote dynamic reference', { $dynamicRef: 'https://a.example/b#c' }, /leads outside the schema/],
    ['the meta-schema as a reference', { $ref: draft07 }, /leads outside the schema/],
    ['a remote reference in a definition that nobody uses', { $defs: { a: { $ref: 'other.json' } } }, /leads outside/],
    ['a reference to a definition that is missing', { $ref: '#/$defs/order' }, /"#\/\$defs\/order" leads to no schema/],
    ['a reference to an anchor that is missing', { $ref: '#order' }, /leads to no schema/],
    ['a dynamic reference to an anchor that is missing', { $dynamicRef: '#order' }, /leads to no schema/],
    ['a reference to what is no schema', { title: 'a', $ref: '#/title' }, /leads to no schema/],
    ['a reference to what objects inherit', { $ref: '#/constructor' }, /leads to no schema/],
    [
      'a reference to a bad schema outside schema positions',
      { x: { type: 'no' }, $ref: '#/x' },
      /must be equal to one of/,
    ],
    ['a reference with a broken escape', { $ref: '#/$defs/%zz' }, /cannot be read|must match format/],
    ['an id twice', { $defs: { a: { $id: 'x' }, b: { $id: 'x' } } }, /the same name/],
    ['an anchor twice', { $defs: { a: { $anchor: 'x' }, b: { $anchor: 'x' } } }, /the same name/],
    [
      'dynamic references among several ids',
      { $defs: { a: { $id: 'x', $dynamicRef: '#x', $dynamicAnchor: 'x' } } },
      /\$dynamicRef is not supported/,
    ],
    ['itself', { $ref: '#' }, /never end/],
    ['itself by its id', { $id: 'https://a.example/b', $ref: 'https://a.example/b' }, /never end/],
    [
      'a and b that refer to each other',
      { $defs: { a: { $ref: '#/$defs/b' }, b: { $ref: '#/$defs/a' } } },
      /never end/,
    ],
    ['a loop through allOf', { $defs: { a: { allOf: [{ $ref: '#/$defs/a' }] } } }, /never end/],
    ['a loop through anyOf', { anyOf: [{ type: 'string' }, { $ref: '#' }] }, /never end/],
    ['a loop through oneOf', { oneOf: [{ $ref: '#' }] }, /never end/],
    ['a loop through not', { not: { $ref: '#' } }, /never end/],
    ['a loop through if', { if: { $ref: '#' } }, /never end/],
    ['a loop through then', { if: true, then: { $ref: '#' } }, /never end/],
    ['a loop through else', { if: false, else: { $ref: '#' } }, /never end/],
    ['a loop through dependentSchemas', { dependentSchemas: { a: { $ref: '#' } } }, /never end/],
    ['a loop through dependencies', { $schema: draft07, dependencies: { a: { $ref: '#' } } }, /never end/],
    ['a loop through an anchor', { $anchor: 'x', allOf: [{ $ref: '#x' }] }, /never end/],
    ['a loop through a dynamic anchor', { $dynamicAnchor: 'x', allOf: [{ $dynamicRef: '#x' }] }, /never end/],
    ['a loop below a property', { properties: { a: { allOf: [{ $ref: '#/properties/a' }] } } }, /never end/],
    ['more than 64 kB', { description: 'é'.repeat(33_000) }, /larger than 64 kB/],
    ['more than 64 levels', nested(65), /deeper than 64/],
    ['a hundred thousand levels', nested(100_000), /deeper than 64/],
    ['more subschemas than can be compiled', { properties: named(1_001, () => ({})) }, /more than 1000 subschemas/],
    [
      'more branches than can be compiled',
      { oneOf: Array.from({ length: 201 }, () => ({})) },
      /oneOf has more than 200/,
    ],
    ['more patterns than can be compiled', { patternProperties: named(201, () => true) }, /has more than 200/],
    [
      'a chain too long to compile',
      { $defs: named(900, (n) => (n < 899 ? { allOf: [{ $ref: `#/$defs/p${n + 1}` }] } : {})), $ref: '#/$defs/p0' },
      /too complex|subschemas/,
    ],
    ['a pattern that is no regular expression', { pattern: '(' }, /The pattern "\(" is not a regular expression/],
    ['the same in a definition that nobody uses', { $defs: { a: { pattern: '(' } } }, /is not a regular expression/],
    ['a name pattern that is none', { patternProperties: { '[': {} } }, /is not a regular expression/],
    ['a property __proto__, which would not be checked', JSON.parse('{"properties":{"__proto__":{}}}'), /__proto__/],
    ['an enum of nothing', { enum: [] }, /cannot be compiled|must NOT have fewer/],
  ])('%s', (_, schema, message) => {
    expect(refusal(schema)).toMatch(message);
  });
});

describe('checkSchema accepts', () => {
  it.each<[string, unknown]>([
    ['true', true],
    ['false', false],
    ['the empty schema', {}],
    ['draft-07 with https and without a fragment', { $schema: 'https://json-schema.org/draft-07/schema' }],
    ['2020-12 by name', { $schema: 'https://json-schema.org/draft/2020-12/schema' }],
    ['a tree', { properties: { children: { items: { $ref: '#' } } } }],
    [
      'a list that goes on in a property',
      { $defs: { a: { properties: { next: { $ref: '#/$defs/a' } } } }, $ref: '#/$defs/a' },
    ],
    ['names that are schemas of names', { propertyNames: { $ref: '#' } }],
    ['one definition used twice in place', { $defs: { a: {} }, allOf: [{ $ref: '#/$defs/a' }, { $ref: '#/$defs/a' }] }],
    ['a reference to a boolean', { $defs: { never: false }, properties: { a: { $ref: '#/$defs/never' } } }],
    ['properties called like keywords', { properties: { $ref: { type: 'string' }, $schema: {}, not: {}, enum: {} } }],
    ['a $ref as a plain value', { const: { $ref: 'https://example.com' }, default: { $ref: 'nowhere' } }],
    ['__proto__ as plain data', JSON.parse('{"const":{"__proto__":{"polluted":1}},"__proto__":{"type":"nothing"}}')],
    ['a pattern of the older syntax', { pattern: '^\\-\\@$' }],
    ['a pattern with a property class', { pattern: '^\\p{L}+$' }],
    ['an unknown format', { format: 'postcode' }],
    [
      'draft-07: a $ref and an $id beside it',
      { $schema: draft07, definitions: { a: { $id: 'x', $ref: '#/definitions/b' }, b: {} } },
    ],
    ['64 levels', nested(64)],
    ['the most there may be', { properties: named(990, (n) => ({ type: 'string', maxLength: n })) }],
  ])('%s', (_, schema) => {
    expect(refusal(schema)).toBe('accepted');
  });

  it('leaves Object.prototype and the schema as they are', () => {
    const text = '{"$defs":{"__proto__":{"type":"string"}},"__proto__":{"polluted":true}}';
    const schema: unknown = JSON.parse(text);
    expect(refusal(schema)).toBe('accepted');
    expect(JSON.stringify(schema)).toBe(text);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
  });

  it('never throws anything but its refusal, whatever the schema', () => {
    const key = fc.constantFrom(
      '$ref',
      '$id',
      '$anchor',
      '$defs',
      'items',
      'allOf',
      'properties',
      'type',
      'pattern',
      'not',
      'if',
      'a',
      'dependencies',
      '$schema',
      '$dynamicRef',
    );
    const leaf = fc.constantFrom<unknown>('#', '#a', '#/$defs/a', 'a', 'string', '(', draft07, 1, true, null, -1.5);
    const { schema } = fc.letrec((tie) => ({
      schema: fc.oneof(
        { maxDepth: 5 },
        leaf,
        fc.dictionary(key, tie('schema'), { maxKeys: 4 }),
        fc.array(tie('schema'), { maxLength: 3 }),
      ),
    }));
    fc.assert(
      fc.property(schema, (value) => {
        expect(typeof refusal(value)).toBe('string');
      }),
      { numRuns: 500, seed: 7 },
    );
  });
});
