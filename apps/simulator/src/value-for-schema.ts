import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { nextState, wordPieces } from './deterministic-text.js';

export type JsonSchema = JsonObject | boolean;

/** Below this depth only what is required is made, so that a schema that refers to itself comes to an end. */
const SHALLOW_DEPTH = 4;
const DEEPEST = 32;

const FORMATS: Record<string, string> = {
  'date-time': '2026-11-21T12:00:00Z',
  date: '2026-11-21',
  time: '12:00:00Z',
  duration: 'P1D',
  email: 'lorem@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/lorem',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/**
 * A JSON value that satisfies the schema and depends on the schema and the seed alone. Understood: type, const, enum,
 * properties, required, items, prefixItems, minItems, lengths, formats, numeric bounds, multipleOf, anyOf, oneOf,
 * allOf and local `$ref`; patterns and conditionals are not. Throws a RangeError on a schema that requires itself.
 */
export function valueForSchema(schema: JsonSchema, seed: number): unknown {
  return new SchemaWalk(schema, seed).value(schema, 0);
}

class SchemaWalk {
  constructor(
    private readonly root: JsonSchema,
    private state: number,
  ) {}

  value(schema: unknown, depth: number): unknown {
    if (depth > DEEPEST) {
      throw new RangeError('The schema requires itself and has no finite value.');
    }
    if (!isJsonObject(schema)) {
      return this.words(1);
    }
    const flat = this.flatten(schema, depth);
    if ('const' in flat) {
      return flat.const;
    }
    if (Array.isArray(flat.enum) && flat.enum.length > 0) {
      return flat.enum[this.below(flat.enum.length)] as unknown;
    }
    return this.ofType(typeOf(flat, depth), flat, depth);
  }

  /** Resolves references and takes the first way of each alternative; deep down, the way that ends soonest. */
  private flatten(schema: JsonObject, depth: number, hops = 0): JsonObject {
    if (hops > DEEPEST) {
      throw new RangeError('The schema refers to itself without an end.');
    }
    const { $ref, anyOf, oneOf, allOf, ...own } = schema;
    let flat: JsonObject = own;
    const add = (part: unknown) => {
      flat = isJsonObject(part) ? merge(flat, this.flatten(part, depth, hops + 1)) : flat;
    };
    if (typeof $ref === 'string') {
      add(resolvePointer(this.root, $ref));
    }
    for (const part of Array.isArray(allOf) ? (allOf as unknown[]) : []) {
      add(part);
    }
    for (const ways of [anyOf, oneOf]) {
      if (Array.isArray(ways)) {
        add(pickWay(ways, depth));
      }
    }
    return flat;
  }

  private ofType(type: string, schema: JsonObject, depth: number): unknown {
    switch (type) {
      case 'object':
        return this.object(schema, depth);
      case 'array':
        return this.array(schema, depth);
      case 'integer':
      case 'number':
        return this.number(schema, type === 'integer');
      case 'boolean':
        return this.below(2) === 0;
      case 'null':
        return null;
      default:
        return this.string(schema);
    }
  }

  private object(schema: JsonObject, depth: number): JsonObject {
    const properties = isJsonObject(schema.properties) ? schema.properties : {};
    const required = strings(schema.required);
    const names = depth < SHALLOW_DEPTH ? new Set([...Object.keys(properties), ...required]) : new Set(required);
    return Object.fromEntries([...names].map((name) => [name, this.value(properties[name] ?? {}, depth + 1)]));
  }

  private array(schema: JsonObject, depth: number): unknown[] {
    const prefix = Array.isArray(schema.prefixItems) ? (schema.prefixItems as unknown[]) : [];
    const least = numberOr(schema.minItems, 0);
    const wanted = depth < SHALLOW_DEPTH ? Math.max(least, prefix.length, 1) : least;
    const length = Math.min(wanted, numberOr(schema.maxItems, wanted));
    const items = Array.from({ length }, (_, index) => this.value(prefix[index] ?? schema.items, depth + 1));
    return schema.uniqueItems === true ? [...new Set(items)] : items;
  }

  private number(schema: JsonObject, integer: boolean): number {
    const step = numberOr(schema.multipleOf, integer ? 1 : 0.5);
    const least = Math.max(numberOr(schema.minimum, -Infinity), numberOr(schema.exclusiveMinimum, -Infinity));
    const most = Math.min(numberOr(schema.maximum, Infinity), numberOr(schema.exclusiveMaximum, Infinity));
    const start = least > -Infinity ? Math.ceil(least / step) * step : Math.min(0, Math.floor(most / step) * step);
    const value = start + this.below(8) * step;
    const fits = (candidate: number) =>
      candidate >= least &&
      candidate <= most &&
      candidate !== schema.exclusiveMinimum &&
      candidate !== schema.exclusiveMaximum;
    const middle = (Math.max(least, most - 2) + most) / 2;
    return [value, start, start + step, start - step, middle].find(fits) ?? start;
  }

  private string(schema: JsonObject): string {
    const example = typeof schema.format === 'string' ? FORMATS[schema.format] : undefined;
    if (example !== undefined) {
      return example;
    }
    const least = numberOr(schema.minLength, 0);
    const text = this.words(2).padEnd(least, '.');
    return text.slice(0, Math.max(least, Math.min(text.length, numberOr(schema.maxLength, text.length))));
  }

  private words(count: number): string {
    this.state = nextState(this.state);
    return wordPieces(this.state, count).join('');
  }

  private below(bound: number): number {
    this.state = nextState(this.state);
    return Math.floor((this.state / 2 ** 32) * bound);
  }
}

function typeOf(schema: JsonObject, depth: number): string {
  const types = typeof schema.type === 'string' ? [schema.type] : strings(schema.type);
  if (depth >= SHALLOW_DEPTH && types.includes('null')) {
    return 'null';
  }
  const implied = 'properties' in schema ? 'object' : 'items' in schema ? 'array' : 'string';
  return types[0] ?? implied;
}

function pickWay(ways: unknown[], depth: number): unknown {
  const ending = ways.find((way) => isJsonObject(way) && !('$ref' in way) && way.type !== 'object');
  return depth >= SHALLOW_DEPTH ? (ending ?? ways[0]) : ways[0];
}

function merge(left: JsonObject, right: JsonObject): JsonObject {
  const merged: JsonObject = { ...left, ...right };
  if (isJsonObject(left.properties) && isJsonObject(right.properties)) {
    merged.properties = { ...left.properties, ...right.properties };
  }
  if (Array.isArray(left.required) && Array.isArray(right.required)) {
    merged.required = [...strings(left.required), ...strings(right.required)];
  }
  return merged;
}

function resolvePointer(root: JsonSchema, pointer: string): unknown {
  return pointer
    .split('/')
    .slice(1)
    .map((token) => decodeURIComponent(token).replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce<unknown>((value, token) => (isJsonObject(value) ? value[token] : undefined), root);
}

function strings(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function numberOr(value: unknown, otherwise: number): number {
  return typeof value === 'number' ? value : otherwise;
}
