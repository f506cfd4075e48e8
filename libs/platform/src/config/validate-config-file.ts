import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { CONFIG_SCHEMA } from './config-schema.js';
import { ConfigError } from './config-error.js';
import type { ConfigFile } from './config-file.js';

/**
 * Checks a parsed file against the schema and returns a copy with the schema's defaults. Throws a ConfigError for the first fault;
 * it never repeats a value of the file, because a secret may have been written in the wrong place.
 */
export function validateConfigFile(content: unknown, fileName: string): ConfigFile {
  // A file that is empty or all comments parses to null.
  const copy: unknown = structuredClone(content ?? {});
  const validate = compiled();
  if (validate(copy)) return copy;
  const [error] = validate.errors ?? [];
  throw error ? toConfigError(error, fileName) : new ConfigError(fileName, 'is not valid');
}

let validator: ReturnType<typeof compile> | undefined;

function compiled(): ReturnType<typeof compile> {
  validator ??= compile();
  return validator;
}

function compile() {
  const ajv = new Ajv2020({ useDefaults: true, discriminator: true, strict: true, allowUnionTypes: true });
  addFormats.default(ajv, ['uri', 'date-time']);
  return ajv.compile<ConfigFile>(CONFIG_SCHEMA);
}

function toConfigError(error: ErrorObject, fileName: string): ConfigError {
  const path = toPath(error.instancePath);
  const at = (name: string): string => `${fileName}: ${path === '' ? name : `${path}.${name}`}`;
  const params = error.params as Record<string, unknown>;
  switch (error.keyword) {
    case 'required':
      return new ConfigError(at(String(params.missingProperty)), 'is missing', 'missing');
    case 'additionalProperties':
      return new ConfigError(at(String(params.additionalProperty)), 'is not a known field', 'unknown');
    default:
      return new ConfigError(
        path === '' ? fileName : `${fileName}: ${path}`,
        problemOf(error, params),
        error.keyword === 'type' ? 'type' : 'value',
      );
  }
}

/** `/providers/0/base_url` → `providers[0].base_url`. */
function toPath(pointer: string): string {
  return pointer
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === '' ? part : `${path}.${part}`), '');
}

function problemOf(error: ErrorObject, params: Record<string, unknown>): string {
  switch (error.keyword) {
    case 'enum':
      return `must be one of ${(params.allowedValues as unknown[]).join(', ')}`;
    case 'discriminator':
      return 'source must be one of env, escrow, config (and none for a provider)';
    case 'pattern':
      return PATTERN_MEANINGS.get(lastField(error.instancePath)) ?? `must match ${String(params.pattern)}`;
    default:
      return error.message ?? 'is not valid';
  }
}

function lastField(pointer: string): string {
  return (
    pointer
      .split('/')
      .filter((part) => !/^\d+$/.test(part))
      .at(-1) ?? ''
  );
}

const HTTP_URL = 'must be an http:// or https:// URL without credentials, query or fragment';
const NAME = 'must be made of letters, digits and . _ -, starting with a letter or digit';

const PATTERN_MEANINGS = new Map([
  ['base_url', HTTP_URL],
  ['endpoints', HTTP_URL],
  ['url', 'must be an https:// URL without credentials or fragment'],
  ['sha256', 'must be the 64 hexadecimal digits of a SHA-256'],
  ['host', 'must be a host name or an IP address'],
  ['id', `${NAME} (models and aliases also : / @ +)`],
  ['provider', NAME],
  ...['models', 'allowed_models'].map((field): [string, string] => [field, `${NAME} or : / @ +`]),
  ['name', 'must be a name made of letters, digits and _, and no variable of Tokenhub’s own'],
]);
