import { ConfigError } from '#platform/config/config-error.js';
import type { AliasConfig, ModelConfig, ProviderConfig } from '#platform/config/config.js';
import { readDefinition, type DefinitionList } from '#platform/config/read-definition.js';
import { toAlias, toModel, toProvider } from '#platform/config/resolve-config-file.js';
import type { DeclaredRegistry } from './build-snapshot.js';

/** What the registry consists of, and the list of the configuration file that each kind is in. */
export const REGISTRY_LISTS = { provider: 'providers', model: 'models', alias: 'aliases' } as const;
export type RegistryKind = keyof typeof REGISTRY_LISTS;
export const REGISTRY_KINDS = Object.keys(REGISTRY_LISTS) as RegistryKind[];

/** A document as the settings keep it. */
export interface StoredDocument {
  kind: string;
  id: string;
  definition: object;
  version: number;
  createdMs: number;
  updatedMs: number;
}

/** One provider, model or alias, wherever it comes from. */
export interface RegistryEntry<C> {
  id: string;
  declared: boolean;
  /** What of it is in use; null for a stored one that cannot be used. */
  config: C | null;
  /** Of a declared one: the document that it hides. */
  stored: StoredDocument | null;
  /** One sentence each, for the administrator. */
  warnings: string[];
}

/** In order: what is declared, then what is stored. */
export interface MergedRegistry {
  provider: RegistryEntry<ProviderConfig>[];
  model: RegistryEntry<ModelConfig>[];
  alias: RegistryEntry<AliasConfig>[];
}

/**
 * What the configuration declares and what is stored, as one. What is declared wins; a stored document that does not fit (any more) is
 * kept with a warning, and not used. Never throws.
 */
export function mergeRegistry(declared: DeclaredRegistry, documents: readonly StoredDocument[]): MergedRegistry {
  const provider = merge(declared.providers, storedOf('provider', documents), (document) =>
    toProvider(read('providers', document), refuseSecret),
  );
  const types = new Map(provider.flatMap(({ config }) => (config ? [[config.id, config.type] as const] : [])));
  const aliasIds = new Set(declared.aliases.map(({ id }) => id));
  const model = merge(declared.models, storedOf('model', documents), (document) => {
    if (aliasIds.has(document.id)) throw new Unusable(`The configuration declares an alias "${document.id}".`);
    const file = read('models', document);
    if (!types.has(file.provider)) throw new Unusable(`There is no provider "${file.provider}".`);
    return toModel(file, types.get(file.provider));
  });
  const models = new Set(model.flatMap(({ config }) => (config ? [config.id] : [])));
  const alias = merge(declared.aliases, storedOf('alias', documents), (document, warn) => {
    if (models.has(document.id)) throw new Unusable(`There is a model "${document.id}", too.`);
    const config = toAlias(read('aliases', document));
    const members = config.members.filter((member) => models.has(member.model));
    for (const { model: id } of config.members) if (!models.has(id)) warn(`There is no model "${id}".`);
    if (members.length === 0) throw new Unusable('None of its models is there.');
    return { ...config, members };
  });
  return { provider, model, alias };
}

/** What of a merged registry is in use. */
export function usableRegistry({ provider, model, alias }: MergedRegistry): DeclaredRegistry {
  return { providers: configsOf(provider), models: configsOf(model), aliases: configsOf(alias) };
}

/** Why a stored document is not used. */
class Unusable extends Error {}

function merge<C extends { id: string }>(
  declared: readonly C[],
  stored: ReadonlyMap<string, StoredDocument>,
  use: (document: StoredDocument, warn: (warning: string) => void) => C,
): RegistryEntry<C>[] {
  const ofConfiguration = declared.map((config): RegistryEntry<C> => {
    const hidden = stored.get(config.id) ?? null;
    const warnings = hidden ? ['The configuration declares it: what was set here before is not used.'] : [];
    return { id: config.id, declared: true, config, stored: hidden, warnings };
  });
  const ids = new Set(declared.map(({ id }) => id));
  const set = [...stored.values()].filter(({ id }) => !ids.has(id));
  return [...ofConfiguration, ...set.map((document) => entryOf(document, use))];
}

function entryOf<C>(
  document: StoredDocument,
  use: (document: StoredDocument, warn: (warning: string) => void) => C,
): RegistryEntry<C> {
  const warnings: string[] = [];
  const entry = { id: document.id, declared: false, stored: document, warnings };
  try {
    return { ...entry, config: use(document, (warning) => warnings.push(warning)) };
  } catch (error) {
    if (error instanceof ConfigError) warnings.push(`It is not valid any more: ${error.message}.`);
    else if (error instanceof Unusable) warnings.push(error.message);
    else throw error;
    return { ...entry, config: null };
  }
}

function read<L extends DefinitionList>(list: L, { definition }: StoredDocument) {
  return readDefinition(list, definition);
}

/** Nothing writes one: a secret would lie in the database in clear. */
function refuseSecret<S extends { source: string }>(_name: string, secret: S): Exclude<S, { source: 'config' }> {
  if (secret.source === 'config') throw new Unusable('Its secret is in the document itself.');
  return secret as Exclude<S, { source: 'config' }>;
}

function storedOf(kind: RegistryKind, documents: readonly StoredDocument[]): Map<string, StoredDocument> {
  return new Map(documents.flatMap((document) => (document.kind === kind ? [[document.id, document] as const] : [])));
}

function configsOf<C>(entries: readonly RegistryEntry<C>[]): C[] {
  return entries.flatMap(({ config }) => (config ? [config] : []));
}
