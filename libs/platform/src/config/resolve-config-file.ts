import type { Budget } from '#contracts/budgets.js';
import { usdToNano } from '#contracts/money.js';
import type { ProviderType } from '#contracts/registry-snapshot.js';
import {
  secretNames,
  type AliasConfig,
  type ModelConfig,
  type PriceConfig,
  type ProjectConfig,
  type ProviderConfig,
  type SecretSource,
  type UseConfig,
} from './config.js';
import type {
  ConfigFile,
  FileAlias,
  FileBudget,
  FileModel,
  FileProject,
  FileProvider,
  FileSecret,
  FileUse,
} from './config-file.js';

export interface ResolvedConfigFile {
  providers: ProviderConfig[];
  models: ModelConfig[];
  aliases: AliasConfig[];
  projects: ProjectConfig[];
  /** The values of `source: config`, by secret name. */
  secrets: Map<string, string>;
}

/** Turns a checked file into the configuration's types; the values of `config` secrets are moved out into the map. */
export function resolveConfigFile(file: ConfigFile): ResolvedConfigFile {
  const secrets = new Map<string, string>();
  const keep: KeepSecret = (name, secret) => {
    if (secret.source !== 'config') return secret;
    secrets.set(name, secret.value);
    return { source: 'config' };
  };
  const types = new Map(file.providers.map((provider) => [provider.id, provider.type]));
  return {
    providers: file.providers.map((provider) => toProvider(provider, keep)),
    models: file.models.map((model) => toModel(model, types.get(model.provider))),
    aliases: file.aliases.map(toAlias),
    projects: file.projects.map((project) => toProject(project, keep)),
    secrets,
  };
}

export type KeepSecret = (name: string, secret: FileSecret) => SecretSource;

/** `keep` takes care of a secret that is written in the definition itself. */
export function toProvider(provider: FileProvider, keep: KeepSecret): ProviderConfig {
  const endpoints = provider.endpoints ?? (provider.base_url === undefined ? [] : [provider.base_url]);
  const { credential, timeouts } = provider;
  return {
    id: provider.id,
    type: provider.type,
    endpoints: endpoints.map((url) => url.replace(/\/+$/, '')),
    credential: credential.source === 'none' ? credential : keep(secretNames.provider(provider.id), credential),
    enabled: provider.enabled,
    limits: provider.limits,
    timeouts: {
      connectMs: timeouts.connect_ms,
      firstTokenMs: timeouts.first_token_ms,
      idleMs: timeouts.idle_ms,
      answerMs: timeouts.answer_ms,
      coolDownMs: timeouts.cool_down_ms,
    },
  };
}

const DEFAULT_MAX_OUTPUT_TOKENS = 4_096;

/** Some defaults follow from the type of the model's provider. */
export function toModel(model: FileModel, providerType: ProviderType | undefined): ModelConfig {
  // Anthropic has no legacy completions.
  const kinds = model.kinds ?? (providerType === 'anthropic' ? ['chat'] : ['chat', 'completion']);
  const embedsOnly = kinds.every((kind) => kind === 'embedding');
  return {
    id: model.id,
    provider: model.provider,
    upstreamModel: model.upstream_model ?? model.id,
    weight: model.weight,
    enabled: model.enabled,
    expectedLatencyMs: model.expected_latency_ms,
    contextTokens: model.context_tokens,
    // An embedding puts nothing out, and a reserve for it would take room from the input.
    maxOutputTokens: embedsOnly
      ? 0
      : (model.max_output_tokens ?? Math.min(DEFAULT_MAX_OUTPUT_TOKENS, model.context_tokens)),
    price: toPrice(model.price, providerType),
    capabilities: model.capabilities ?? (embedsOnly ? [] : ['tools', 'json_schema', 'streaming']),
    kinds,
    dropSamplingParameters: model.drop_sampling_parameters,
    limits: model.limits ?? null,
  };
}

/** An alias in the configuration's types. */
export function toAlias(alias: FileAlias): AliasConfig {
  return { id: alias.id, members: alias.members, stickyBy: alias.sticky_by };
}

/** Anthropic bills what it writes to its five-minute cache at 1.25 times the input, to its one-hour cache at twice; others bill it as input. */
const ANTHROPIC_CACHE_WRITE = 1.25;
const ANTHROPIC_CACHE_WRITE_1H = 2;

function toPrice(price: FileModel['price'], providerType: ProviderType | undefined): PriceConfig {
  const input = price.input_per_1k;
  const anHour =
    price.cache_write_1h_per_1k ?? (providerType === 'anthropic' ? input * ANTHROPIC_CACHE_WRITE_1H : undefined);
  return {
    inputPer1k: input,
    outputPer1k: price.output_per_1k,
    cachedInputPer1k: price.cached_input_per_1k ?? input,
    cacheWritePer1k: price.cache_write_per_1k ?? (providerType === 'anthropic' ? input * ANTHROPIC_CACHE_WRITE : input),
    ...(anHour !== undefined && { cacheWrite1hPer1k: anHour }),
  };
}

function toProject(project: FileProject, keep: KeepSecret): ProjectConfig {
  return {
    id: project.id,
    ...toUse(project),
    webhookSecret: project.webhook_secret ? keep(secretNames.project(project.id), project.webhook_secret) : null,
    keys: project.keys.map((key) => ({
      id: key.id,
      ...toUse(key),
      sha256: key.sha256.toLowerCase(),
      scopes: key.scopes,
      share: key.share,
      limits: key.limits,
      expiresAtMs: key.expires_at === undefined ? null : Date.parse(key.expires_at),
    })),
    webhookEndpoints: project.webhook_endpoints.map((endpoint) => ({
      id: endpoint.id,
      url: endpoint.url,
      secret: keep(secretNames.webhookEndpoint(project.id, endpoint.id), endpoint.secret),
      events: endpoint.events,
    })),
  };
}

function toUse({ name, disabled, allowed_models: allowedModels, policy, budget }: FileUse): UseConfig {
  return { name: name ?? null, disabled, allowedModels: allowedModels ?? null, policy, budget: toBudget(budget) };
}

/** A budget in whole nano-dollars. */
export function toBudget({ day_usd: day, month_usd: month }: FileBudget): Budget {
  return {
    ...(day !== undefined && { day: usdToNano(day) }),
    ...(month !== undefined && { month: usdToNano(month) }),
  };
}
