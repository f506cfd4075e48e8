import type { ProviderType } from './registry-snapshot.js';
import type { Usage } from './usage.js';

/**
 * How a vendor counts tokens against its limits. `reserved`: at admission, the larger of the prompt and of what the answer may
 * have at most, and nothing is given back (OpenAI). `actual`: what was really used, once it is known.
 */
type Accounting = 'reserved' | 'actual';

const ACCOUNTING: Record<ProviderType, Accounting> = { openai: 'reserved', anthropic: 'actual', vllm: 'actual' };

/** Tokens that a call counts at its provider, together and apart. */
export interface CountedTokens {
  tokens: number;
  inputTokens: number;
  outputTokens: number;
}

/** What a call is expected to count; `maxTokens` is the client's own limit for the answer, null when it set none. */
export function expectedTokens(
  type: ProviderType,
  call: { inputTokens: number; outputTokens: number; maxTokens: number | null },
): CountedTokens {
  const { inputTokens, outputTokens, maxTokens } = call;
  const reserved = ACCOUNTING[type] === 'reserved';
  const tokens = reserved ? Math.max(inputTokens, maxTokens ?? 0) : inputTokens + outputTokens;
  return { tokens, inputTokens, outputTokens };
}

/** What a call did count; null where the vendor gives nothing back and takes nothing more. Cached input is not counted. */
export function usedTokens(type: ProviderType, usage: Usage): CountedTokens | null {
  if (ACCOUNTING[type] === 'reserved') return null;
  const inputTokens = usage.inputTokens - usage.cachedInputTokens;
  return { tokens: inputTokens + usage.outputTokens, inputTokens, outputTokens: usage.outputTokens };
}
