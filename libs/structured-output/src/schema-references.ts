import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { SchemaFault } from './schema-fault.js';
import { type Draft, isSchema, type JsonSchema, subschemasOf } from './schema-keywords.js';

/** Where a document without an `$id` is said to be, so that relative references have something to be relative to. */
const NOWHERE = 'schema://document/';

/**
 * What the references of one schema document lead to: by `$id`, anchor and JSON pointer. Nothing is ever fetched: what is not
 * in the document does not exist.
 */
export class SchemaReferences {
  private readonly resources = new Map<string, JsonObject>();
  private readonly anchors = new Map<string, JsonObject>();
  private readonly bases = new Map<JsonObject, string>();

  constructor(
    root: JsonObject,
    private readonly draft: Draft,
  ) {
    this.resources.set(NOWHERE, root);
    this.add(root, NOWHERE);
    // The root is known as what it calls itself, and by no other name.
    if (this.bases.get(root) !== NOWHERE) this.resources.delete(NOWHERE);
  }

  /** The references that `schema` makes itself, not those of the schemas within it. */
  from(schema: JsonObject): { keyword: '$ref' | '$dynamicRef'; target: JsonSchema }[] {
    const keywords = this.draft === 'draft-07' ? (['$ref'] as const) : (['$ref', '$dynamicRef'] as const);
    return keywords.flatMap((keyword) => {
      const reference = schema[keyword];
      if (typeof reference !== 'string') return [];
      if (keyword === '$dynamicRef' && this.resources.size > 1) {
        throw new SchemaFault('$dynamicRef is not supported in a schema that has further schemas with an $id in it.');
      }
      return [{ keyword, target: this.resolve(reference, this.bases.get(schema) ?? NOWHERE) }];
    });
  }

  private resolve(reference: string, base: string): JsonSchema {
    const { resource, fragment } = parse(reference, base);
    const root = this.resources.get(resource);
    if (!root) throw outside(reference);
    if (fragment === '') return root;
    const target = fragment.startsWith('/') ? this.follow(root, fragment) : this.anchors.get(`${resource}#${fragment}`);
    if (!isSchema(target)) throw new SchemaFault(`The reference "${short(reference)}" leads to no schema.`);
    return target;
  }

  /** A pointer may lead into what is no schema position, such as `#/components/schemas/Order`; what is there becomes one. */
  private follow(root: JsonObject, pointer: string): unknown {
    let value: unknown = root;
    let base = this.bases.get(root) ?? NOWHERE;
    for (const token of pointer.slice(1).split('/')) {
      const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
      if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
      value = (value as JsonObject)[name];
      if (isJsonObject(value)) base = this.bases.get(value) ?? base;
    }
    if (isJsonObject(value) && !this.bases.has(value)) this.add(value, base);
    return value;
  }

  private add(schema: JsonObject, outerBase: string): void {
    const base = this.register(schema, outerBase);
    this.bases.set(schema, base);
    for (const name of this.draft === '2020-12' ? [schema.$anchor, schema.$dynamicAnchor] : []) {
      if (typeof name === 'string') claim(this.anchors, { name: `${base}#${name}`, schema });
    }
    for (const { schema: inner } of subschemasOf(schema, this.draft)) {
      if (isJsonObject(inner)) this.add(inner, base);
    }
  }

  /** Takes note of an `$id` and returns the base that holds inside; draft-07 ignores one beside a `$ref`, and has anchors there. */
  private register(schema: JsonObject, base: string): string {
    const id = schema.$id;
    if (typeof id !== 'string' || (this.draft === 'draft-07' && typeof schema.$ref === 'string')) return base;
    const { resource, fragment } = parse(id, base);
    if (fragment !== '') {
      claim(this.anchors, { name: `${resource}#${fragment}`, schema });
      return base;
    }
    claim(this.resources, { name: resource, schema });
    return resource;
  }
}

function claim(names: Map<string, JsonObject>, { name, schema }: { name: string; schema: JsonObject }): void {
  const owner = names.get(name);
  if (owner && owner !== schema) throw new SchemaFault(`Two schemas have the same name "${short(name)}".`);
  names.set(name, schema);
}

function parse(reference: string, base: string): { resource: string; fragment: string } {
  try {
    const url = new URL(reference, base);
    const fragment = decodeURIComponent(url.hash.slice(1));
    url.hash = '';
    return { resource: url.href, fragment };
  } catch {
    throw new SchemaFault(`The reference "${short(reference)}" cannot be read.`);
  }
}

function outside(reference: string): SchemaFault {
  return new SchemaFault(
    `The reference "${short(reference)}" leads outside the schema; nothing is fetched, so put it under $defs.`,
  );
}

function short(reference: string): string {
  return reference.length > 100 ? `${reference.slice(0, 100)}…` : reference;
}
