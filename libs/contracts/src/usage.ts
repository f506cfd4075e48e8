/**
 * Tokens of one or more attempts. `inputTokens` includes the cached ones and `outputTokens` the reasoning ones, as
 * OpenAI counts; adapters of other vendors convert to this.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  cachedInputTokens: number;
  reasoningTokens: number;
}

export const NO_USAGE: Usage = { inputTokens: 0, outputTokens: 0, cachedInputTokens: 0, reasoningTokens: 0 };
