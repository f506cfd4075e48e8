/** The configuration file as tests write it; the processes check it against the published schema. */
export type StackConfig = Record<string, unknown>;

/** One provider and three models on the simulator at this base URL (with `/v1`): `sim-small`, `sim-large`, `sim-embedding`. */
export function simulatorConfig(baseUrl: string): StackConfig {
  const model = {
    provider: 'simulator',
    expected_latency_ms: 200,
    capabilities: ['tools', 'json_schema', 'streaming'],
  };
  return {
    providers: [{ id: 'simulator', type: 'openai', base_url: baseUrl, credential: { source: 'none' } }],
    models: [
      {
        ...model,
        id: 'sim-small',
        weight: 4,
        context_tokens: 32_768,
        max_output_tokens: 4_096,
        price: { input_per_1k: 0.0002, output_per_1k: 0.0008 },
      },
      {
        ...model,
        id: 'sim-large',
        weight: 8,
        context_tokens: 200_000,
        max_output_tokens: 16_384,
        price: { input_per_1k: 0.0025, output_per_1k: 0.01 },
      },
      {
        ...model,
        id: 'sim-embedding',
        weight: 4,
        context_tokens: 8_192,
        max_output_tokens: 1,
        price: { input_per_1k: 0.00002, output_per_1k: 0 },
        capabilities: [],
        kinds: ['embedding'],
      },
    ],
  };
}
