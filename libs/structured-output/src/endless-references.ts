import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { JsonSchema } from './schema-keywords.js';

/**
 * True when validating by a prepared schema would never end, because a schema leads back to itself without going into a
 * property or an item first. A tree, whose children refer to the whole, ends with the data.
 */
export function refersEndlessly(prepared: JsonSchema): boolean {
  if (typeof prepared === 'boolean') return false;
  const definitions = isJsonObject(prepared.$defs) ? Object.entries(prepared.$defs) : [];
  const leads = new Map<string, string[]>([
    ['#', referencesInPlace(prepared)],
    ...definitions.map(([name, schema]): [string, string[]] => [`#/$defs/${name}`, referencesInPlace(schema)]),
  ]);
  const ended = new Set<string>();
  const open = new Set<string>();
  const loops = (pointer: string): boolean => {
    if (ended.has(pointer)) return false;
    if (open.has(pointer)) return true;
    open.add(pointer);
    const found = leads.get(pointer)?.some(loops) ?? false;
    open.delete(pointer);
    ended.add(pointer);
    return found;
  };
  return [...leads.keys()].some(loops);
}

/** What a schema refers to for the very value that it is applied to. */
function referencesInPlace(schema: unknown): string[] {
  if (!isJsonObject(schema)) return [];
  const own = typeof schema.$ref === 'string' ? [schema.$ref] : [];
  return [...own, ...appliedInPlace(schema).flatMap(referencesInPlace)];
}

function appliedInPlace(schema: JsonObject): unknown[] {
  const lists = [schema.allOf, schema.anyOf, schema.oneOf].flatMap((list): unknown[] =>
    Array.isArray(list) ? list : [],
  );
  const conditional = isJsonObject(schema.dependentSchemas) ? Object.values(schema.dependentSchemas) : [];
  return [...lists, schema.not, schema.if, schema.then, schema.else, ...conditional];
}
