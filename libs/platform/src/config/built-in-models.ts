import type { Capability, ProviderType } from '#contracts/registry-snapshot.js';

/** A provider that needs nothing but its key in the environment. */
export interface BuiltInProvider {
  type: ProviderType;
  /** The vendor's own name for the variable. */
  keyVariable: string;
  baseUrl: string;
  models: readonly BuiltInModel[];
  /** The models that take temperature, top_p and top_k; absent means all. */
  takeSampling?: readonly string[];
}

/**
 * One line per model. Prices are US dollars per million tokens, as the vendors write them; `maxOutput` is null for models that
 * only embed; `until` is the vendor's announced day of shutdown, from which on the model is not registered.
 */
export type BuiltInModel = readonly [
  id: string,
  weight: number,
  contextTokens: number,
  maxOutputTokens: number | null,
  inputPrice: number,
  cachedInputPrice: number,
  outputPrice: number,
  expectedLatencyMs: number,
  until?: string,
];

export const CHAT_CAPABILITIES: readonly Capability[] = ['tools', 'vision', 'json_schema', 'streaming'];

/**
 * Prices and windows as they stood on 2026-11-21, after https://developers.openai.com/api/docs/pricing, …/deprecations and
 * https://platform.claude.com/docs/en/models/overview; the cached prices of gpt-6.2-* are derived from their announcement, that
 * of claude-opus-5-5 is taken as a tenth of its input price. Weights and latencies are first guesses of our own. Where a vendor charges
 * more for prompts above a threshold (OpenAI 272,000 or 200,000 tokens, Haiku 5.5 100,000), the window is cut to it, so that the
 * price holds for every prompt; declare the model in the file to use all of it.
 */
export const BUILT_IN_PROVIDERS: readonly BuiltInProvider[] = [
  {
    type: 'openai',
    keyVariable: 'OPENAI_API_KEY',
    baseUrl: 'https://api.openai.com/v1',
    models: [
      ['gpt-6.2-astra', 10, 272_000, 128_000, 8, 0.4, 40, 9_000],
      ['gpt-6.2-sol', 9, 272_000, 128_000, 2, 0.1, 10, 5_000],
      ['gpt-6.1-sol', 9, 272_000, 128_000, 2, 0.1, 10, 5_000],
      ['gpt-6-luna', 6, 272_000, 128_000, 0.1, 0.01, 0.5, 2_000],
      ['gpt-5.6-terra', 7, 272_000, 128_000, 2, 0.2, 12, 4_000],
      ['gpt-5.6-luna', 5, 200_000, 128_000, 0.2, 0.02, 1.2, 2_000],
      ['gpt-5.5', 8, 272_000, 128_000, 5, 0.5, 30, 6_000],
      ['gpt-5.4', 7, 272_000, 128_000, 2.5, 0.25, 15, 5_000],
      ['gpt-5.4-mini', 6, 400_000, 128_000, 0.75, 0.075, 4.5, 3_000],
      ['gpt-5.4-nano', 4, 400_000, 128_000, 0.2, 0.02, 1.25, 1_500],
      ['gpt-5.2', 7, 400_000, 128_000, 1.75, 0.175, 14, 5_000],
      ['gpt-5.1', 6, 400_000, 128_000, 1.25, 0.125, 10, 5_000, '2027-04-01'],
      ['gpt-5', 6, 400_000, 128_000, 1.25, 0.125, 10, 6_000, '2026-12-11'],
      ['gpt-5-mini', 5, 400_000, 128_000, 0.25, 0.025, 2, 3_000, '2026-12-11'],
      ['gpt-5-nano', 3, 400_000, 128_000, 0.05, 0.005, 0.4, 2_000, '2026-12-11'],
      ['o3', 6, 200_000, 100_000, 2, 0.5, 8, 8_000, '2026-12-11'],
      ['gpt-4.1', 5, 1_047_576, 32_768, 2, 0.5, 8, 2_000, '2027-01-14'],
      ['gpt-4.1-mini', 4, 1_047_576, 32_768, 0.4, 0.1, 1.6, 1_500, '2027-01-14'],
      ['gpt-4o', 5, 128_000, 16_384, 2.5, 1.25, 10, 1_500, '2027-01-14'],
      ['gpt-4o-mini', 3, 128_000, 16_384, 0.15, 0.075, 0.6, 1_000, '2027-01-14'],
      ['text-embedding-3-large', 6, 8_192, null, 0.13, 0.13, 0, 400],
      ['text-embedding-3-small', 4, 8_192, null, 0.02, 0.02, 0, 300],
    ],
  },
  {
    type: 'anthropic',
    keyVariable: 'ANTHROPIC_API_KEY',
    baseUrl: 'https://api.anthropic.com/v1',
    models: [
      ['claude-fable-5-1', 10, 1_000_000, 128_000, 10, 0.25, 50, 9_000],
      ['claude-opus-5-5', 9, 1_000_000, 128_000, 4, 0.4, 20, 6_000],
      ['claude-opus-5', 9, 1_000_000, 128_000, 5, 0.5, 25, 6_000],
      ['claude-sonnet-5-5', 8, 1_000_000, 128_000, 2, 0.2, 10, 4_000],
      ['claude-sonnet-5', 8, 1_000_000, 128_000, 2, 0.2, 10, 4_000],
      ['claude-haiku-5-5', 6, 100_000, 64_000, 0.1, 0.01, 0.5, 2_000],
      ['claude-haiku-4-5', 5, 200_000, 64_000, 1, 0.1, 5, 2_000],
    ],
    // Models after Opus 4.6 refuse them: https://platform.claude.com/docs/en/about-claude/models/migration-guide
    takeSampling: ['claude-haiku-4-5'],
  },
];
