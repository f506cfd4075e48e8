import { isJsonObject } from '#contracts/json.js';
import { poolIdOf } from '#contracts/registry-snapshot.js';
import { builtInsOf } from './add-built-ins.js';
import { checkReferences } from './check-references.js';
import { checkWebhooks } from './check-webhooks.js';
import type { SecretSource, TokenhubConfig } from './config.js';
import { processDirectory, processEnvironment, readVariable, type Environment } from './environment.js';
import { readConfigFile } from './read-config-file.js';
import { readEnvironment, warnOfVariables } from './read-environment.js';
import { resolveConfigFile } from './resolve-config-file.js';
import { validateConfigFile } from './validate-config-file.js';

export interface LoadedConfig {
  config: TokenhubConfig;
  /** One line each, without secrets, for the log at start. */
  warnings: string[];
}

export interface ConfigSources {
  env: Environment;
  /** The folder that relative paths start from and where `tokenhub.yaml` is looked for. */
  cwd: string;
  /** Decides which built-in models are shut down already; the clock's date by default. */
  now?: Date;
}

/** Reads file and environment into one checked configuration; the environment wins. Throws a ConfigError of one line for the first wrong value. */
export function loadConfig({ env, cwd, now = new Date() }: ConfigSources): LoadedConfig {
  const raw = readConfigFile(env, cwd);
  const builtIns = hasProviders(raw.content)
    ? { providers: [], models: [] }
    : builtInsOf(env, now.toISOString().slice(0, 10));
  const file = validateConfigFile(withBuiltIns(raw.content, builtIns), raw.name);
  checkReferences(file, raw.name);
  const config = { ...readEnvironment(env, cwd, file.server), ...resolveConfigFile(file) };
  checkWebhooks(config, { env, fileName: raw.name });
  const warnings = [...raw.warnings, ...warnOfVariables(env), ...warnOfSecrets(config, env), ...warnOfUse(config)];
  return { config, warnings };
}

/** `loadConfig` with this process's environment and folder. */
export function loadProcessConfig(): LoadedConfig {
  return loadConfig({ env: processEnvironment(), cwd: processDirectory() });
}

function hasProviders(content: unknown): boolean {
  return (
    isJsonObject(content) &&
    content.providers !== undefined &&
    !(Array.isArray(content.providers) && content.providers.length === 0)
  );
}

/** Models that the file declares itself take the place of the built-in list. */
function withBuiltIns(content: unknown, { providers, models }: { providers: unknown[]; models: unknown[] }): unknown {
  const file = content ?? {};
  if (!isJsonObject(file) || providers.length === 0) return file;
  const declaresModels = file.models !== undefined && !(Array.isArray(file.models) && file.models.length === 0);
  return { ...file, providers, ...(!declaresModels && { models }) };
}

function warnOfSecrets(config: TokenhubConfig, env: Environment): string[] {
  const sources: [string, SecretSource | { source: 'none' } | null][] = [
    ...config.providers.map((provider): [string, typeof provider.credential] => [
      `provider ${provider.id}`,
      provider.credential,
    ]),
    ...config.projects.flatMap((project): [string, SecretSource | null][] => [
      [`project ${project.id}`, project.webhookSecret],
      ...project.webhookEndpoints.map((endpoint): [string, SecretSource] => [
        `webhook endpoint ${endpoint.id}`,
        endpoint.secret,
      ]),
    ]),
  ];
  return sources.flatMap(([owner, source]) => {
    if (source?.source === 'config')
      return [`${owner}: its secret is written in the configuration file; an environment variable is safer`];
    if (source?.source === 'escrow' && !canBeHandedKeys(config))
      return [
        `${owner}: its secret is in the vault, whose key cannot be given to this process without TOKENHUB_CLUSTER_SECRET`,
      ];
    if (source?.source !== 'env' || readVariable(env, source.name) !== undefined) return [];
    return [`${owner}: the variable ${source.name} that should hold its secret is not set`];
  });
}

function canBeHandedKeys({ vault }: TokenhubConfig): boolean {
  const { clusterSecret, encryptionKey } = vault.keys();
  return clusterSecret !== null || encryptionKey !== null;
}

function warnOfUse(config: TokenhubConfig): string[] {
  const pools = new Set([...config.providers.map((provider) => provider.id), ...config.models.map(poolIdOf)]);
  const unknown = config.worker.pools?.filter((pool) => !pools.has(pool)) ?? [];
  const keyless =
    config.auth === 'on' && config.apiKey === null && config.projects.every((project) => project.keys.length === 0);
  return [
    ...unknown.map((pool) => `TOKENHUB_POOLS: there is no pool ${pool} in this configuration`),
    ...(keyless && config.history === null
      ? ['no API key is declared: every call on /v1 will be refused (set TOKENHUB_API_KEY)']
      : []),
  ];
}
