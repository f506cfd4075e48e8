import { afterEach, describe, expect, it } from '@jest/globals';
import { checkSchema } from './check-schema.js';
import type { JsonSchema } from './schema-keywords.js';
import { SchemaValidator } from './schema-validator.js';

const HOSTILE = { type: 'string', pattern: '^(a+)+$' };
const HOSTILE_TEXT = JSON.stringify(`${'a'.repeat(40)}b`);
const TREE = { type: 'object', properties: { children: { type: 'array', items: { $ref: '#' } } } };

let validator = new SchemaValidator();
afterEach(async () => {
  await validator.close();
  validator = new SchemaValidator();
});

async function errorsOf(schema: JsonSchema, value: unknown): Promise<string[]> {
  checkSchema(schema, 'output.schema');
  const validation = await validator.validate(schema, JSON.stringify(value));
  return validation.valid ? [] : validation.errors;
}

describe('SchemaValidator', () => {
  it('says what is wrong, where, in a sentence each', async () => {
    const schema = {
      type: 'object',
      properties: { price: { type: 'number', minimum: 0 }, size: { enum: ['s', 'm'] }, born: { format: 'date' } },
      required: ['price', 'name'],
      additionalProperties: false,
    };
    expect(await errorsOf(schema, { price: -1, size: 'xl', born: 'soon', colour: 'red' })).toEqual([
      `The answer must have required property 'name'.`,
      'The answer must NOT have additional properties: "colour".',
      '/price must be >= 0.',
      '/size must be equal to one of the allowed values: ["s","m"].',
      '/born must match format "date".',
    ]);
    expect(await errorsOf(schema, { price: 1, name: 'a' })).not.toEqual([]);
    expect(await errorsOf({ ...schema, additionalProperties: true }, { price: 1, name: 'a', size: 's' })).toEqual([]);
  });

  it('says at most ten things, each in at most 300 characters', async () => {
    const errors = await errorsOf({ items: { const: 'x'.repeat(1_000) } }, Array.from({ length: 50 }).fill(1));
    expect(errors).toHaveLength(10);
    for (const error of errors) expect(error).toHaveLength(300);
  });

  it.each<[string, JsonSchema, unknown, boolean]>([
    ['a tree that refers to itself', TREE, { children: [{ children: [{}] }] }, true],
    ['a leaf of a tree', TREE, { children: [{ children: [1] }] }, false],
    ['the schema `true`', true, 1, true],
    ['the schema `false`', false, 1, false],
    ['`nullable`, which is not JSON Schema', { type: 'string', nullable: true }, null, false],
    ['`$async`, which would make the answer a promise', { $async: true, type: 'string' }, 1, false],
    [
      '`$data`, which would read the limit from the answer',
      { properties: { a: { type: 'number' } }, const: { $data: '1/b' } },
      1,
      false,
    ],
    ['an unknown format', { type: 'string', format: 'constructor' }, 'x', true],
    ['a format that is a name of Object.prototype', { type: 'string', format: 'hasOwnProperty' }, 'x', true],
    ['a keyword that does not exist', { 'x-order': 1, id: 'a', discriminator: {}, type: 'string' }, 'x', true],
    ['a required property that every object inherits', { required: ['toString', '__proto__'] }, {}, false],
    ['a described property that every object inherits', { properties: { toString: { type: 'string' } } }, {}, true],
    ['a pattern that only the older syntax allows', { pattern: '^\\d{3}\\-\\d$' }, '123-4', true],
    ['a pattern that counts characters, not code units', { pattern: '^.$' }, '😀', true],
    ['a reference by an anchor', { $defs: { a: { $anchor: 'x', type: 'string' } }, $ref: '#x' }, 1, false],
    [
      'a reference beside other keywords',
      { $defs: { a: { type: 'string' } }, $ref: '#/$defs/a', minLength: 2 },
      'x',
      false,
    ],
    ['a dynamic reference', { $defs: { a: { $dynamicAnchor: 'x', type: 'string' } }, $dynamicRef: '#x' }, 1, false],
    [
      'a reference by an id',
      { $id: 'https://a.example/b', $defs: { c: { $id: 'd', type: 'string' } }, $ref: 'd' },
      1,
      false,
    ],
    [
      'a reference to where no schema is expected',
      { components: { a: { type: 'string' } }, $ref: '#/components/a' },
      1,
      false,
    ],
    ['a reference with escapes', { $defs: { 'a/b~c%': { type: 'string' } }, $ref: '#/$defs/a~1b~0c%25' }, 1, false],
    [
      'draft-07: what stands beside a reference',
      draft07({ $ref: '#/definitions/a', definitions: { a: {} }, type: 'string' }),
      1,
      true,
    ],
    [
      'draft-07: an anchor',
      draft07({ allOf: [{ $ref: '#x' }], definitions: { a: { $id: '#x', type: 'string' } } }),
      1,
      false,
    ],
    ['draft-07: a tuple', draft07({ items: [{ type: 'string' }], additionalItems: false }), ['a', 1], false],
    ['draft-07: additionalItems without a tuple', draft07({ items: {}, additionalItems: false }), ['a', 1], true],
    ['draft-07: dependencies on names', draft07({ dependencies: { a: ['b'] } }), { a: 1 }, false],
    ['draft-07: dependencies on schemas', draft07({ dependencies: { a: { required: ['b'] } } }), { a: 1 }, false],
    ['draft-07: a keyword of later drafts', draft07({ prefixItems: [{ type: 'string' }] }), [1], true],
    [
      '2020-12: unevaluated properties',
      { allOf: [{ properties: { a: {} } }], unevaluatedProperties: false },
      { a: 1, b: 1 },
      false,
    ],
  ])('understands %s', async (_, schema, value, valid) => {
    expect((await errorsOf(schema, value)).length === 0).toBe(valid);
  });

  it('takes __proto__ in an answer for a name like others', async () => {
    const validation = await validator.validate({ additionalProperties: { type: 'string' } }, '{"__proto__": 1}');
    expect(validation).toEqual({ valid: false, errors: ['/__proto__ must be string.'] });
    expect(Object.prototype).not.toHaveProperty('polluted');
  });

  it('ends a pattern that backtracks for ever, while the process goes on', async () => {
    checkSchema(HOSTILE, 'output.schema');
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 10);
    const validation = await validator.validate(HOSTILE, HOSTILE_TEXT);
    clearInterval(timer);
    expect(validation).toEqual({ valid: false, errors: [expect.stringContaining('took longer than 1 s')] });
    expect(ticks).toBeGreaterThan(5);
  });

  it('answers those that wait behind an endless one, in their order', async () => {
    const order: string[] = [];
    const run = async (name: string, schema: JsonSchema, text: string) => {
      const { valid } = await validator.validate(schema, text);
      order.push(`${name} ${valid}`);
    };
    await Promise.all([
      run('first', { type: 'string' }, '"a"'),
      run('endless', HOSTILE, HOSTILE_TEXT),
      run('third', { type: 'string' }, '1'),
      run('fourth', { type: 'string' }, '"a"'),
    ]);
    expect(order).toEqual(['first true', 'endless false', 'third false', 'fourth true']);
  });

  it('survives an answer that is nested deeper than validating can follow', async () => {
    const levels = 200_000;
    const text = '{"children":['.repeat(levels) + ']}'.repeat(levels);
    expect(await validator.validate(TREE, text)).toEqual({
      valid: false,
      errors: ['The answer is nested too deeply to be checked.'],
    });
    expect(await validator.validate(TREE, '{}')).toEqual({ valid: true });
  });

  it('survives an answer whose validation takes more memory than it may', async () => {
    await validator.close();
    validator = new SchemaValidator({ memoryMb: 24, validateMs: 15_000 });
    const text = JSON.stringify(Array.from({ length: 400_000 }).fill(1));
    expect(await validator.validate({ items: { type: 'string' } }, text)).toEqual({
      valid: false,
      errors: [expect.stringContaining('took more than 24 MB')],
    });
    expect(await validator.validate({ type: 'string' }, '"a"')).toEqual({ valid: true });
  });

  it('rejects what waits when it is closed, and what comes later', async () => {
    const endless = validator.validate(HOSTILE, HOSTILE_TEXT);
    const behind = validator.validate(true, '1');
    const closed = Promise.all([expect(endless).rejects.toThrow('closed'), expect(behind).rejects.toThrow('closed')]);
    await validator.close();
    await closed;
    await expect(validator.validate(true, '1')).rejects.toThrow('closed');
  });
});

function draft07(schema: object): JsonSchema {
  return { $schema: 'http://json-schema.org/draft-07/schema#', ...schema };
}
