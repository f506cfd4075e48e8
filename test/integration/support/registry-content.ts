import type { Model, Provider } from '#contracts/registry-snapshot.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';

export function provider(id: string, options: Partial<Provider> = {}): Provider {
  return {
    id,
    type: 'openai',
    endpoints: ['http://127.0.0.1:1/v1'],
    credential: { source: 'none' },
    enabled: true,
    limits: {},
    timeouts: { connectMs: 1_000, firstTokenMs: 1_000, idleMs: 1_000, answerMs: 1_000, coolDownMs: 30_000 },
    ...options,
  };
}

export function model(id: string, options: Partial<Model> = {}): Model {
  return {
    id,
    provider: id === 'large' ? 'bolt' : 'acme',
    upstreamModel: `upstream-${id}`,
    weight: 5,
    enabled: true,
    expectedLatencyMs: 100,
    contextTokens: 8_000,
    maxOutputTokens: 1_000,
    price: { inputNano: 2_500, outputNano: 10_000, cachedInputNano: 1_250, cacheWriteNano: 3_125 },
    capabilities: ['streaming'],
    kinds: ['chat', 'completion'],
    dropSamplingParameters: false,
    limits: null,
    ...options,
  };
}

/** The providers `acme` with the model `small` and `bolt` with `large`, which is what `newJob` asks for. */
export function registryContent(options: { providers?: Provider[]; models?: Model[] } = {}): SnapshotContent {
  return {
    providers: options.providers ?? [provider('acme'), provider('bolt')],
    models: options.models ?? [model('small'), model('large', { contextTokens: 100_000 })],
    aliases: [],
  };
}
