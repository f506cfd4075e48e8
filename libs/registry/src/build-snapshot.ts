import { NANO_PARTS } from '#contracts/money.js';
import type { Alias, Model, Price, Provider, RegistrySnapshot } from '#contracts/registry-snapshot.js';
import type { AliasConfig, ModelConfig, PriceConfig, ProviderConfig } from '#platform/config/config.js';

export interface DeclaredRegistry {
  providers: readonly ProviderConfig[];
  models: readonly ModelConfig[];
  aliases: readonly AliasConfig[];
}

export type SnapshotContent = Omit<RegistrySnapshot, 'version'>;

/**
 * What a configuration declares, as routing and the pools need it: no secrets, prices in nano-dollars per token. Every field is
 * copied by name, so that nothing else an object may carry gets into Redis.
 */
export function buildSnapshot(declared: DeclaredRegistry): SnapshotContent {
  return {
    providers: declared.providers.map(toProvider),
    models: declared.models.map(toModel),
    aliases: declared.aliases.map(toAlias),
  };
}

function toProvider(provider: ProviderConfig): Provider {
  return {
    id: provider.id,
    type: provider.type,
    endpoints: [...provider.endpoints],
    credential: toCredential(provider.credential),
    enabled: provider.enabled,
    limits: { ...provider.limits },
    timeouts: { ...provider.timeouts },
  };
}

function toCredential(credential: Provider['credential']): Provider['credential'] {
  switch (credential.source) {
    case 'env':
    case 'escrow':
      return { source: credential.source, name: credential.name };
    case 'config':
    case 'none':
      return { source: credential.source };
  }
}

function toModel(model: ModelConfig): Model {
  return {
    id: model.id,
    provider: model.provider,
    upstreamModel: model.upstreamModel,
    weight: model.weight,
    enabled: model.enabled,
    expectedLatencyMs: model.expectedLatencyMs,
    contextTokens: model.contextTokens,
    maxOutputTokens: model.maxOutputTokens,
    price: toPrice(model.price),
    capabilities: [...model.capabilities],
    kinds: [...model.kinds],
    dropSamplingParameters: model.dropSamplingParameters,
    limits: model.limits === null ? null : { ...model.limits },
  };
}

function toPrice(price: PriceConfig): Price {
  return {
    inputNano: toNanoPerToken(price.inputPer1k),
    outputNano: toNanoPerToken(price.outputPer1k),
    cachedInputNano: toNanoPerToken(price.cachedInputPer1k),
    cacheWriteNano: toNanoPerToken(price.cacheWritePer1k),
    ...(price.cacheWrite1hPer1k !== undefined && { cacheWrite1hNano: toNanoPerToken(price.cacheWrite1hPer1k) }),
  };
}

/**
 * US dollars per 1,000 tokens to nano-dollars per token, with the fraction that a cheap model's price has: what is whole is the cost of a
 * call. The decimal point is moved in the text: a multiplication would add the noise of binary floats.
 */
export function toNanoPerToken(usdPer1k: number): number {
  const [mantissa = '0', exponent = '0'] = String(usdPer1k).split('e');
  const nano = Number(`${mantissa}e${Number(exponent) + 6}`);
  return Number.isInteger(nano) ? nano : Math.round(nano * NANO_PARTS) / NANO_PARTS;
}

function toAlias(alias: AliasConfig): Alias {
  return {
    id: alias.id,
    members: alias.members.map(({ model, weight }) => ({ model, weight })),
    stickyBy: alias.stickyBy,
  };
}
