import type { ProviderType } from '#contracts/registry-snapshot.js';
import { BUILT_IN_PROVIDERS, CHAT_CAPABILITIES, type BuiltInModel, type BuiltInProvider } from './built-in-models.js';
import { readVariable, type Environment } from './environment.js';

export interface BuiltIns {
  /** In the file's own shape, so that they are checked and filled in like declared ones. */
  providers: Record<string, unknown>[];
  models: Record<string, unknown>[];
}

/**
 * The providers whose vendor's key is in the environment, with their built-in models, for a file that declares no provider. `today` is
 * an ISO date: models that are shut down by then are left out.
 */
export function builtInsOf(env: Environment, today: string): BuiltIns {
  const found = BUILT_IN_PROVIDERS.filter((provider) => readVariable(env, provider.keyVariable) !== undefined);
  return {
    providers: found.map(toFileProvider),
    models: found.flatMap((provider) =>
      provider.models
        .filter(([, , , , , , , , until]) => until === undefined || today < until)
        .map((model) => toFileModel(model, provider)),
    ),
  };
}

/**
 * The definition of a model of this vendor that is known by this name, or by it without the date of a snapshot (`gpt-4o-2024-11-20`);
 * its id and provider are the caller's to set. Null for one that is not known.
 */
export function builtInModel(type: ProviderType, upstreamModel: string): Record<string, unknown> | null {
  const names = [upstreamModel, upstreamModel.replace(/-(\d{4}-\d{2}-\d{2}|\d{8})$/, '')];
  const provider = BUILT_IN_PROVIDERS.find((one) => one.type === type);
  const model = names.map((name) => provider?.models.find(([id]) => id === name)).find((one) => one !== undefined);
  return provider && model ? toFileModel(model, provider) : null;
}

function toFileProvider(provider: BuiltInProvider): Record<string, unknown> {
  return {
    id: provider.type,
    type: provider.type,
    base_url: provider.baseUrl,
    credential: { source: 'env', name: provider.keyVariable },
  };
}

function toFileModel(model: BuiltInModel, provider: BuiltInProvider): Record<string, unknown> {
  const [id, weight, contextTokens, maxOutputTokens, input, cachedInput, output, expectedLatencyMs] = model;
  return {
    id,
    provider: provider.type,
    weight,
    expected_latency_ms: expectedLatencyMs,
    context_tokens: contextTokens,
    price: { input_per_1k: input / 1_000, output_per_1k: output / 1_000, cached_input_per_1k: cachedInput / 1_000 },
    ...(maxOutputTokens === null
      ? { kinds: ['embedding'] }
      : { max_output_tokens: maxOutputTokens, capabilities: [...CHAT_CAPABILITIES] }),
    ...(provider.takeSampling && { drop_sampling_parameters: !provider.takeSampling.includes(id) }),
  };
}
