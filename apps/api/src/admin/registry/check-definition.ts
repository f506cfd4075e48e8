import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { checkAlias, checkModel, checkProvider } from '#platform/config/check-references.js';
import { ConfigError, type ConfigFault } from '#platform/config/config-error.js';
import type { FileCredential } from '#platform/config/config-file.js';
import { readDefinition } from '#platform/config/read-definition.js';
import { usableRegistry, type MergedRegistry, type RegistryKind } from '#registry/merge-registry.js';

/** Longer than any provider, model or alias that is meant. */
const LONGEST = 65_536;

/** What answers show besides the definition: sent back with it, it is not taken for a part of it. */
const SHOWN_ONLY = ['object', 'declared', 'ready', 'warnings', 'created_at', 'updated_at'];

/** The definition in a request's body; throws for what is no object, or too large. */
export function definitionOf(body: unknown): JsonObject {
  if (!isJsonObject(body)) throw new TokenhubError('invalid_type', 'The body must be a JSON object.');
  const definition = Object.fromEntries(Object.entries(body).filter(([name]) => !SHOWN_ONLY.includes(name)));
  if (JSON.stringify(definition).length > LONGEST) {
    throw new TokenhubError('body_too_large', `A definition may have ${LONGEST} characters.`);
  }
  return definition;
}

/**
 * Throws, with the field's name, unless the definition would be right in the configuration file beside everything else that is there;
 * `others` is the registry without it.
 */
export function checkDefinition(kind: RegistryKind, definition: JsonObject, others: MergedRegistry): void {
  try {
    check(kind, definition, others);
  } catch (error) {
    throw error instanceof ConfigError ? toTokenhubError(kind, error) : error;
  }
}

function check(kind: RegistryKind, definition: JsonObject, others: MergedRegistry): void {
  const { providers, models } = usableRegistry(others);
  switch (kind) {
    case 'provider': {
      const provider = readDefinition('providers', definition);
      checkProvider(provider, named);
      checkCredential(provider.credential);
      return;
    }
    case 'model': {
      const model = readDefinition('models', definition);
      if (others.alias.some(({ id }) => id === model.id)) {
        throw new ConfigError('id', `"${model.id}" is also the id of an alias`);
      }
      checkModel(model, { providers: idsOf(providers), at: named });
      return;
    }
    case 'alias':
      checkAlias(readDefinition('aliases', definition), { models: idsOf(models), at: named });
      return;
  }
}

/** A secret must not come to lie in the database in clear. */
function checkCredential({ source }: FileCredential): void {
  if (source !== 'config') return;
  throw new TokenhubError(
    'credential_source_refused',
    'credential.source config is for the configuration file: put the secret into the vault and name it with source escrow, or give it to the workers in an environment variable.',
    { param: 'credential.source' },
  );
}

function toTokenhubError(kind: RegistryKind, { where, problem, fault }: ConfigError): TokenhubError {
  const subject = where === '' ? `The ${kind}` : where;
  return new TokenhubError(CODES[fault], `${subject} ${problem}.`, { param: where === '' ? undefined : where });
}

const CODES: Record<ConfigFault, ErrorCode> = {
  missing: 'missing_required_parameter',
  unknown: 'unknown_parameter',
  type: 'invalid_type',
  reference: 'unknown_reference',
  value: 'invalid_value',
};

const named = (field: string): string => field;

function idsOf(items: readonly { id: string }[]): Set<string> {
  return new Set(items.map(({ id }) => id));
}
