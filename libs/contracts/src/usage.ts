/**
 * Tokens of one or more attempts. `inputTokens` includes those read from a cache and those written to one, which have nothing in
 * common, and `outputTokens` the reasoning ones, as OpenAI counts; adapters of other vendors convert to this.
 */
export interface Usage {
  inputTokens: number;
  outputTokens: number;
  /** Read from the provider's prompt cache. */
  cachedInputTokens: number;
  /** Written to the provider's prompt cache. */
  cacheWriteInputTokens: number;
  /** The part of those that the cache keeps for an hour, which costs more; absent: none. */
  cacheWrite1hInputTokens?: number;
  reasoningTokens: number;
}

export const NO_USAGE: Usage = {
  inputTokens: 0,
  outputTokens: 0,
  cachedInputTokens: 0,
  cacheWriteInputTokens: 0,
  reasoningTokens: 0,
};
