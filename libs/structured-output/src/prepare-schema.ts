import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { isRegExp } from './compile-schema.js';
import { SchemaFault } from './schema-fault.js';
import { type Draft, draftOf, isSchema, type JsonSchema, shapeOf, subschemasOf } from './schema-keywords.js';
import { SchemaReferences } from './schema-references.js';

/** Checking a schema takes up to half a second at these two bounds, and grows with the square of them. */
export const MOST_SUBSCHEMAS = 1_000;
export const MOST_BRANCHES = 200;

/**
 * The same demands in one plain form: draft 2020-12, every reference a pointer to `$defs` or to the root, and no word in it
 * but the keywords of the draft that ask something of an answer. So the validator never sees what it would read in its own
 * way: `$async`, `nullable`, `id`, `$data`, `$id`s, and `$dynamicRef`, which in one resource is a `$ref`.
 *
 * Expects what its meta-schema allows; throws SchemaFault for what cannot be used for other reasons.
 */
export function prepareSchema(schema: JsonSchema): JsonSchema {
  if (typeof schema === 'boolean') return schema;
  const draft = draftOf(schema);
  const references = new SchemaReferences(schema, draft);
  const pointers = nameTargets(schema, { draft, references });
  const copier = new SchemaCopier(draft, references, pointers);
  const definitions = [...pointers].filter(([target]) => target !== schema);
  const copies = definitions.map(([target, pointer]): [string, JsonSchema] => [
    pointer.slice('#/$defs/'.length),
    copier.copy(target),
  ]);
  const root = copier.copy(schema);
  return copies.length > 0 && isJsonObject(root) ? { ...root, $defs: Object.fromEntries(copies) } : root;
}

/** Visits every schema of the document, and gives each that is referred to the pointer it will be found at. */
function nameTargets(
  root: JsonObject,
  { draft, references }: { draft: Draft; references: SchemaReferences },
): Map<JsonSchema, string> {
  const pointers = new Map<JsonSchema, string>();
  const seen = new Set<JsonObject>([root]);
  const add = (schema: JsonSchema): void => {
    if (isJsonObject(schema)) seen.add(schema);
  };
  // A set's iterator also visits what is added on the way.
  for (const schema of seen) {
    if (seen.size > MOST_SUBSCHEMAS) throw new SchemaFault(`The schema has more than ${MOST_SUBSCHEMAS} subschemas.`);
    if (schema !== root && schema.$schema !== undefined && draftOf(schema) !== draft) {
      throw new SchemaFault('A schema inside another cannot be of another draft.');
    }
    refuseBadPatterns(schema);
    for (const { target } of references.from(schema)) {
      if (!pointers.has(target)) pointers.set(target, target === root ? '#' : `#/$defs/s${pointers.size}`);
      add(target);
    }
    for (const { schema: inner } of subschemasOf(schema, draft)) add(inner);
  }
  return pointers;
}

/** Here and not by compiling, because a definition that nobody refers to is not compiled. */
function refuseBadPatterns({ pattern, patternProperties }: JsonObject): void {
  const names = isJsonObject(patternProperties) ? Object.keys(patternProperties) : [];
  for (const source of [pattern, ...names]) {
    if (typeof source !== 'string' || isRegExp(source)) continue;
    throw new SchemaFault(`The pattern "${source.slice(0, 100)}" is not a regular expression.`);
  }
}

class SchemaCopier {
  constructor(
    private readonly draft: Draft,
    private readonly references: SchemaReferences,
    private readonly pointers: ReadonlyMap<JsonSchema, string>,
  ) {}

  /** The prepared form of one schema, whose named parts are references. */
  copy(schema: JsonSchema): JsonSchema {
    if (typeof schema === 'boolean') return schema;
    const links = this.references.from(schema).map(({ target }) => ({ $ref: this.pointers.get(target) }));
    // Beside a $ref, draft-07 ignores everything.
    if (this.draft === 'draft-07' && links[0]) return links[0];
    const copy: JsonObject = {};
    for (const [keyword, value] of Object.entries(schema)) {
      const shape = shapeOf(this.draft, keyword);
      if (shape === 'value') copy[keyword] = value;
      else if (shape === 'schema') this.copyOne(copy, { keyword, value, schema });
      else if (shape === 'list') copy[keyword] = this.copyList(value, keyword);
      else if (shape === 'map') copy[keyword] = this.copyMap(value, keyword);
      else if (shape === 'items') copy[Array.isArray(value) ? 'prefixItems' : 'items'] = this.copyItems(value);
      else if (shape === 'dependencies') Object.assign(copy, this.copyDependencies(value));
    }
    // Appended, because a schema of 2020-12 may have a $ref and a $dynamicRef, and an allOf besides.
    if (links.length > 0) copy.allOf = [...((copy.allOf as JsonSchema[] | undefined) ?? []), ...links];
    return copy;
  }

  private copyOne(
    copy: JsonObject,
    { keyword, value, schema }: { keyword: string; value: unknown; schema: JsonObject },
  ) {
    if (keyword !== 'additionalItems') copy[keyword] = this.inner(value);
    else if (Array.isArray(schema.items)) copy.items = this.inner(value);
  }

  private copyItems(value: unknown): unknown {
    return Array.isArray(value) ? this.copyList(value, 'items') : this.inner(value);
  }

  private copyList(value: unknown, keyword: string): JsonSchema[] {
    if (!Array.isArray(value)) throw new SchemaFault(`${keyword} must be an array of schemas.`);
    bound(keyword, value.length);
    return value.map((schema) => this.inner(schema));
  }

  private copyMap(value: unknown, keyword: string): JsonObject {
    return Object.fromEntries(namesOf(value, keyword).map(([name, schema]) => [name, this.inner(schema)]));
  }

  /** Draft-07 has in one keyword what later drafts have in two. */
  private copyDependencies(value: unknown): JsonObject {
    const entries = namesOf(value, 'dependencies');
    const schemas = entries.filter(([, dependency]) => !Array.isArray(dependency));
    return {
      dependentRequired: Object.fromEntries(entries.filter(([, dependency]) => Array.isArray(dependency))),
      dependentSchemas: Object.fromEntries(schemas.map(([name, schema]) => [name, this.inner(schema)])),
    };
  }

  private inner(value: unknown): JsonSchema {
    if (!isSchema(value)) throw new SchemaFault('A schema must be an object or a boolean.');
    const pointer = isJsonObject(value) ? this.pointers.get(value) : undefined;
    return pointer === undefined ? this.copy(value) : { $ref: pointer };
  }
}

function namesOf(value: unknown, keyword: string): [string, unknown][] {
  if (!isJsonObject(value)) throw new SchemaFault(`${keyword} must be an object of schemas.`);
  // The validator leaves this name out, so what the schema asks of it would not be checked.
  if (Object.hasOwn(value, '__proto__')) throw new SchemaFault(`${keyword} cannot describe a property "__proto__".`);
  const entries = Object.entries(value);
  if (keyword === 'patternProperties') bound(keyword, entries.length);
  return entries;
}

function bound(keyword: string, length: number): void {
  if (length > MOST_BRANCHES) throw new SchemaFault(`${keyword} has more than ${MOST_BRANCHES} schemas.`);
}
