import { Ajv, type AnySchema, type ErrorObject, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { compileSchema } from './compile-schema.js';
import { refersEndlessly } from './endless-references.js';
import { prepareSchema } from './prepare-schema.js';
import { SchemaFault } from './schema-fault.js';
import { type Draft, draftOf, isSchema, type JsonSchema } from './schema-keywords.js';

export const MOST_SCHEMA_BYTES = 65_536;
export const DEEPEST_SCHEMA = 64;

/**
 * Throws `invalid_schema`, naming `param`, for a client's schema that cannot be used: one that is not a schema of draft-07 or
 * 2020-12, is too large, refers outside itself or to itself for ever, or that the validator cannot compile.
 */
export function checkSchema(schema: unknown, param: string): asserts schema is JsonSchema {
  try {
    check(schema);
  } catch (cause) {
    if (!(cause instanceof SchemaFault)) throw cause;
    throw new TokenhubError('invalid_schema', `${param} cannot be used. ${cause.message}`, { param, cause });
  }
}

function check(schema: unknown): void {
  if (!isSchema(schema)) throw new SchemaFault('A JSON Schema is an object or a boolean.');
  if (isDeeperThan(schema, DEEPEST_SCHEMA)) throw new SchemaFault(`It is nested deeper than ${DEEPEST_SCHEMA} levels.`);
  if (Buffer.byteLength(JSON.stringify(schema)) > MOST_SCHEMA_BYTES) {
    throw new SchemaFault(`It is larger than ${MOST_SCHEMA_BYTES / 1024} kB.`);
  }
  if (typeof schema === 'boolean') return;
  refuseByMetaSchema(schema, draftOf(schema));
  const prepared = prepareSchema(schema);
  // What a reference found outside the places for schemas, the meta-schema has not seen before.
  refuseByMetaSchema(prepared, '2020-12');
  if (refersEndlessly(prepared)) {
    throw new SchemaFault('It refers to itself without going into a property or an item, so checking would never end.');
  }
  compile(prepared);
}

/** Level by level, because a recursive walk would overflow on the very schemas that are looked for. */
function isDeeperThan(value: unknown, levels: number): boolean {
  let level: unknown[] = [value];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > levels) return true;
    level = level.flatMap((item): unknown[] => (typeof item === 'object' && item !== null ? Object.values(item) : []));
  }
  return false;
}

const metaValidators = new Map<Draft, ValidateFunction>();

function refuseByMetaSchema(schema: JsonSchema, draft: Draft): void {
  const validate = metaValidators.get(draft) ?? compileMetaSchema(draft);
  metaValidators.set(draft, validate);
  const [error] = validate(schema) ? [] : (validate.errors ?? []);
  if (error) throw new SchemaFault(describe(error));
}

function compileMetaSchema(draft: Draft): ValidateFunction {
  const ajv = draft === 'draft-07' ? new Ajv({ strict: false }) : new Ajv2020({ strict: false });
  return ajv.compile({ $ref: draft === 'draft-07' ? DRAFT_07 : DRAFT_2020_12 } satisfies AnySchema);
}

const DRAFT_07 = 'http://json-schema.org/draft-07/schema#';
const DRAFT_2020_12 = 'https://json-schema.org/draft/2020-12/schema';

function describe({ instancePath, keyword, message }: ErrorObject): string {
  const where = instancePath === '' ? 'Its root' : instancePath.slice(0, 200);
  return `${where} ${message ?? `fails ${keyword}`}.`;
}

/** Ajv compiles by recursion: what is a chain of hundreds of references overflows, and is refused here like the rest. */
function compile(prepared: JsonSchema): void {
  try {
    compileSchema(prepared);
  } catch (error) {
    const reason =
      error instanceof RangeError ? 'it is too complex' : error instanceof Error ? error.message : 'unknown';
    throw new SchemaFault(`It cannot be compiled: ${reason.slice(0, 200)}.`);
  }
}
