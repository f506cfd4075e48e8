import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { SchemaFault } from './schema-fault.js';

export type JsonSchema = JsonObject | boolean;
export type Draft = 'draft-07' | '2020-12';

/**
 * What a keyword's value holds: one schema, a list of them, schemas by name, or a plain value. `items` and `dependencies` of
 * draft-07 hold several kinds; `definitions` hold schemas that ask for nothing until they are referred to.
 */
export type Shape = 'schema' | 'list' | 'map' | 'items' | 'dependencies' | 'definitions' | 'value';

/** The draft that `$schema` names; a schema that names none is read as 2020-12, the newest. */
export function draftOf(schema: JsonObject): Draft {
  if (schema.$schema === undefined) return '2020-12';
  const name = typeof schema.$schema === 'string' ? schema.$schema.replace(/^https?:\/\//, '').replace(/#$/, '') : '';
  const draft = DRAFTS.get(name);
  if (draft) return draft;
  throw new SchemaFault('$schema must name draft-07 or 2020-12 of JSON Schema; other drafts are not supported.');
}

const DRAFTS: ReadonlyMap<string, Draft> = new Map([
  ['json-schema.org/draft-07/schema', 'draft-07'],
  ['json-schema.org/draft/2020-12/schema', '2020-12'],
]);

/** The shape of a keyword; undefined for what asks nothing of an answer: annotations, and words that are no keywords. */
export function shapeOf(draft: Draft, keyword: string): Shape | undefined {
  return SHAPES[draft].get(keyword);
}

/** Each schema directly inside another, with the JSON pointer from there. */
export function* subschemasOf(schema: JsonObject, draft: Draft): Generator<{ at: string; schema: JsonSchema }> {
  for (const [keyword, value] of Object.entries(schema)) {
    const shape = shapeOf(draft, keyword);
    if (shape === undefined || shape === 'value') continue;
    if (isSchema(value) && (shape === 'schema' || shape === 'items')) {
      yield { at: `/${keyword}`, schema: value };
    } else if (typeof value === 'object' && value !== null) {
      for (const [name, inner] of Object.entries(value)) {
        if (isSchema(inner)) yield { at: `/${keyword}/${toToken(name)}`, schema: inner };
      }
    }
  }
}

export function isSchema(value: unknown): value is JsonSchema {
  return typeof value === 'boolean' || isJsonObject(value);
}

function toToken(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1');
}

function shapes(rows: [Shape, string][]): [string, Shape][] {
  return rows.flatMap(([shape, keywords]) => keywords.split(' ').map((keyword): [string, Shape] => [keyword, shape]));
}

const SHARED = shapes([
  ['schema', 'not if then else additionalProperties propertyNames contains'],
  ['list', 'allOf anyOf oneOf'],
  ['map', 'properties patternProperties'],
  // $defs is no keyword of draft-07, but schemas of that draft keep their definitions there all the same.
  ['definitions', '$defs definitions'],
  ['value', 'type enum const format pattern minLength maxLength minimum maximum exclusiveMinimum exclusiveMaximum'],
  ['value', 'multipleOf minItems maxItems uniqueItems minProperties maxProperties required'],
]);

const SHAPES: Record<Draft, ReadonlyMap<string, Shape>> = {
  'draft-07': new Map([
    ...SHARED,
    ...shapes([
      ['items', 'items'],
      ['schema', 'additionalItems'],
      ['dependencies', 'dependencies'],
    ]),
  ]),
  '2020-12': new Map([
    ...SHARED,
    ...shapes([
      ['schema', 'items unevaluatedItems unevaluatedProperties'],
      ['list', 'prefixItems'],
      ['map', 'dependentSchemas'],
      ['value', 'dependentRequired minContains maxContains'],
    ]),
  ]),
};
