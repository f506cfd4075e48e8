import type { AliasConfig, ModelConfig, ProviderConfig } from '#platform/config/config.js';
import type { MergedRegistry, RegistryEntry, RegistryKind } from '#registry/merge-registry.js';
import type { Readiness } from './readiness.js';

/** A provider, model or alias as the administrator sees it: every field that has a value, in the words of the configuration file. */
export function registryView<K extends RegistryKind>(
  kind: K,
  entry: MergedRegistry[K][number],
  { ready, warnings }: Readiness,
): Record<string, unknown> {
  const { declared, stored } = entry;
  return {
    object: kind,
    ...fieldsOf(kind, entry),
    declared,
    ready,
    warnings: [...entry.warnings, ...warnings],
    created_at: declared || !stored ? null : new Date(stored.createdMs).toISOString(),
    updated_at: declared || !stored ? null : new Date(stored.updatedMs).toISOString(),
  };
}

/** What is not in use is shown as it was set. */
function fieldsOf(kind: RegistryKind, entry: RegistryEntry<unknown>): object {
  const { config, declared, stored } = entry;
  const definition = declared ? null : stored?.definition;
  if (config === null) return definition ?? {};
  switch (kind) {
    case 'provider':
      return providerFields(config as ProviderConfig, definition ?? {});
    case 'model':
      return modelFields(config as ModelConfig);
    case 'alias':
      return aliasFields(config as AliasConfig, definition ?? {});
  }
}

function providerFields(provider: ProviderConfig, definition: { endpoints?: unknown }): object {
  const { id, type, endpoints, credential, enabled, limits, timeouts } = provider;
  const several = definition.endpoints !== undefined || endpoints.length > 1;
  return {
    ...{ id, type },
    ...(several ? { endpoints } : { base_url: endpoints[0] }),
    ...{ credential, enabled, limits },
    timeouts: {
      connect_ms: timeouts.connectMs,
      first_token_ms: timeouts.firstTokenMs,
      idle_ms: timeouts.idleMs,
      answer_ms: timeouts.answerMs,
      cool_down_ms: timeouts.coolDownMs,
    },
  };
}

function modelFields(model: ModelConfig): object {
  const { id, provider, weight, enabled, price, capabilities, kinds, limits } = model;
  return {
    ...{ id, provider, upstream_model: model.upstreamModel, weight, enabled },
    expected_latency_ms: model.expectedLatencyMs,
    context_tokens: model.contextTokens,
    // A model that only embeds has none, and the file has no word for that.
    ...(model.maxOutputTokens > 0 && { max_output_tokens: model.maxOutputTokens }),
    price: {
      input_per_1k: price.inputPer1k,
      output_per_1k: price.outputPer1k,
      cached_input_per_1k: price.cachedInputPer1k,
      cache_write_per_1k: price.cacheWritePer1k,
      ...(price.cacheWrite1hPer1k !== undefined && { cache_write_1h_per_1k: price.cacheWrite1hPer1k }),
    },
    ...{ capabilities, kinds, drop_sampling_parameters: model.dropSamplingParameters },
    ...(limits && { limits }),
  };
}

/** Members that are missing at this moment are shown all the same: they are only left out of routing. */
function aliasFields({ id, members, stickyBy }: AliasConfig, definition: { members?: unknown }): object {
  return { id, members: definition.members ?? members, sticky_by: stickyBy };
}
