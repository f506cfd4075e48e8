import { ConfigError } from './config-error.js';
import type { ConfigFile, FileModel, FileProvider } from './config-file.js';

/** What a schema cannot say: ids are unique, references exist, fields go together. Throws a ConfigError for the first fault. */
export function checkReferences(file: ConfigFile, fileName: string): void {
  const at = (path: string): string => `${fileName}: ${path}`;
  checkIds(file, at);
  file.providers.forEach((provider, i) => checkProvider(provider, at(`providers[${i}]`)));
  file.models.forEach((model, i) => checkModel(model, { file, path: at(`models[${i}]`) }));
  checkAliases(file, at);
  checkProjects(file, at);
}

/** The id that `TOKENHUB_API_KEY` has as a key. */
export const ENVIRONMENT_KEY_ID = 'env';

/** Words that a request may use as its `model` to be routed. */
const ROUTED = ['auto', '*'];

type At = (path: string) => string;

function checkIds(file: ConfigFile, at: At): void {
  const lists = { providers: file.providers, models: file.models, aliases: file.aliases, projects: file.projects };
  for (const [name, items] of Object.entries(lists)) {
    refuseRepeated(
      items.map((item) => item.id),
      (i) => at(`${name}[${i}].id`),
    );
  }
  const models = new Set(file.models.map((model) => model.id));
  file.aliases.forEach((alias, i) => {
    if (models.has(alias.id)) throw new ConfigError(at(`aliases[${i}].id`), `"${alias.id}" is also the id of a model`);
  });
  for (const [name, items] of Object.entries({ models: file.models, aliases: file.aliases })) {
    items.forEach((item, i) => {
      if (ROUTED.includes(item.id))
        throw new ConfigError(at(`${name}[${i}].id`), `"${item.id}" is reserved for routed requests`);
    });
  }
}

function refuseRepeated(values: readonly string[], where: (index: number) => string, what = 'id'): void {
  const seen = new Set<string>();
  values.forEach((value, i) => {
    if (seen.has(value)) throw new ConfigError(where(i), `the ${what} "${value}" is used twice`);
    seen.add(value);
  });
}

function checkProvider(provider: FileProvider, path: string): void {
  if (provider.base_url === undefined && provider.endpoints === undefined) {
    throw new ConfigError(`${path}.base_url`, provider.type === 'vllm' ? 'is missing (or endpoints)' : 'is missing');
  }
  if (provider.endpoints === undefined) return;
  if (provider.type !== 'vllm') {
    throw new ConfigError(
      `${path}.endpoints`,
      `is only for vllm; a provider of type ${provider.type} has one base_url`,
    );
  }
  if (provider.base_url !== undefined)
    throw new ConfigError(`${path}.endpoints`, 'cannot be given together with base_url');
}

function checkModel(model: FileModel, { file, path }: { file: ConfigFile; path: string }): void {
  if (!file.providers.some((provider) => provider.id === model.provider)) {
    throw new ConfigError(`${path}.provider`, `there is no provider "${model.provider}"`);
  }
  if (model.max_output_tokens !== undefined && model.max_output_tokens > model.context_tokens) {
    throw new ConfigError(
      `${path}.max_output_tokens`,
      `must not be larger than context_tokens (${model.context_tokens})`,
    );
  }
}

function checkAliases(file: ConfigFile, at: At): void {
  const models = new Set(file.models.map((model) => model.id));
  file.aliases.forEach((alias, i) => {
    const where = (k: number): string => at(`aliases[${i}].members[${k}].model`);
    alias.members.forEach((member, k) => {
      if (!models.has(member.model)) throw new ConfigError(where(k), `there is no model "${member.model}"`);
    });
    refuseRepeated(
      alias.members.map((member) => member.model),
      where,
      'model',
    );
  });
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
