import { ConfigError } from './config-error.js';
import type { ConfigFile, FileAlias, FileModel, FileProvider } from './config-file.js';

/** What a schema cannot say: ids are unique, references exist, fields go together. Throws a ConfigError for the first fault. */
export function checkReferences(file: ConfigFile, fileName: string): void {
  const at = (path: string): string => `${fileName}: ${path}`;
  checkIds(file, at);
  const providers = new Set(file.providers.map((provider) => provider.id));
  const models = new Set(file.models.map((model) => model.id));
  file.providers.forEach((provider, i) => checkProvider(provider, within(at(`providers[${i}]`))));
  file.models.forEach((model, i) => checkModel(model, { providers, at: within(at(`models[${i}]`)) }));
  file.aliases.forEach((alias, i) => checkAlias(alias, { models, at: within(at(`aliases[${i}]`)) }));
  checkProjects(file, at);
}

/** The id that `TOKENHUB_API_KEY` has as a key. */
export const ENVIRONMENT_KEY_ID = 'env';

/** Words that a request may use as its `model` to be routed. */
const ROUTED = ['auto', '*'];

/** Names a field for an error. */
type At = (path: string) => string;

const within =
  (path: string): At =>
  (field) =>
    `${path}.${field}`;

function checkIds(file: ConfigFile, at: At): void {
  const lists = { providers: file.providers, models: file.models, aliases: file.aliases, projects: file.projects };
  for (const [name, items] of Object.entries(lists)) {
    refuseRepeated(
      items.map((item) => item.id),
      (i) => at(`${name}[${i}].id`),
    );
  }
}

function refuseRepeated(values: readonly string[], where: (index: number) => string, what = 'id'): void {
  const seen = new Set<string>();
  values.forEach((value, i) => {
    if (seen.has(value)) throw new ConfigError(where(i), `the ${what} "${value}" is used twice`);
    seen.add(value);
  });
}

/** Throws unless a provider's fields go together. */
export function checkProvider(provider: FileProvider, at: At): void {
  if (provider.base_url === undefined && provider.endpoints === undefined) {
    throw new ConfigError(
      at('base_url'),
      provider.type === 'vllm' ? 'is missing (or endpoints)' : 'is missing',
      'missing',
    );
  }
  if (provider.endpoints === undefined) return;
  if (provider.type !== 'vllm') {
    throw new ConfigError(at('endpoints'), `is only for vllm; a provider of type ${provider.type} has one base_url`);
  }
  if (provider.base_url !== undefined) throw new ConfigError(at('endpoints'), 'cannot be given together with base_url');
}

/** Throws unless a model's id is free to use, its provider is among these and its fields go together. */
export function checkModel(model: FileModel, { providers, at }: { providers: ReadonlySet<string>; at: At }): void {
  refuseReserved(model.id, at);
  if (!providers.has(model.provider)) {
    throw new ConfigError(at('provider'), `there is no provider "${model.provider}"`, 'reference');
  }
  if (model.max_output_tokens !== undefined && model.max_output_tokens > model.context_tokens) {
    throw new ConfigError(at('max_output_tokens'), `must not be larger than context_tokens (${model.context_tokens})`);
  }
}

/** Throws unless an alias's id is free to use and its members are among these models, each once. */
export function checkAlias(alias: FileAlias, { models, at }: { models: ReadonlySet<string>; at: At }): void {
  if (models.has(alias.id)) throw new ConfigError(at('id'), `"${alias.id}" is also the id of a model`);
  refuseReserved(alias.id, at);
  const where = (k: number): string => at(`members[${k}].model`);
  alias.members.forEach((member, k) => {
    if (!models.has(member.model)) throw new ConfigError(where(k), `there is no model "${member.model}"`, 'reference');
  });
  refuseRepeated(
    alias.members.map((member) => member.model),
    where,
    'model',
  );
}

function refuseReserved(id: string, at: At): void {
  if (ROUTED.includes(id)) throw new ConfigError(at('id'), `"${id}" is reserved for routed requests`);
}

function checkProjects(file: ConfigFile, at: At): void {
  const keys = file.projects.flatMap((project, i) =>
    project.keys.map((key, k) => ({ ...key, path: at(`projects[${i}].keys[${k}]`) })),
  );
  const reserved = keys.find((key) => key.id === ENVIRONMENT_KEY_ID);
  if (reserved)
    throw new ConfigError(`${reserved.path}.id`, `"${ENVIRONMENT_KEY_ID}" is reserved for TOKENHUB_API_KEY`);
  refuseRepeated(
    keys.map((key) => key.id),
    (i) => `${keys[i]?.path ?? ''}.id`,
  );
  refuseRepeated(
    keys.map((key) => key.sha256.toLowerCase()),
    (i) => `${keys[i]?.path ?? ''}.sha256`,
    'hash',
  );
  file.projects.forEach((project, i) =>
    refuseRepeated(
      project.webhook_endpoints.map((endpoint) => endpoint.id),
      (k) => at(`projects[${i}].webhook_endpoints[${k}].id`),
    ),
  );
}
