import type { ProviderType } from '#contracts/registry-snapshot.js';
import type { HttpClient } from '#http/http-client.js';
import { AnthropicAdapter } from './anthropic/anthropic-adapter.js';
import { OpenAiAdapter } from './openai/openai-adapter.js';
import type { ProviderAdapter } from './provider-adapter.js';
import { VllmAdapter } from './vllm/vllm-adapter.js';

/** The adapter for a provider's type; throws at once for a type that has none. Adapters are stateless: one serves all. */
export function adapterFor(type: ProviderType, http: HttpClient): ProviderAdapter {
  const create = ADAPTERS[type];
  if (!create)
    throw new Error(
      `There is no adapter for providers of type "${type}"; there are: ${Object.keys(ADAPTERS).join(', ')}`,
    );
  return create(http);
}

const ADAPTERS: Partial<Record<ProviderType, (http: HttpClient) => ProviderAdapter>> = {
  openai: (http) => new OpenAiAdapter(http),
  anthropic: (http) => new AnthropicAdapter(http),
  vllm: (http) => new VllmAdapter(http),
};
