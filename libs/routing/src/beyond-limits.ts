import { expectedTokens } from '#contracts/accounting.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import type { RoutableModel } from './registry-index.js';

/** What one request counts at most in each unit of tokens. */
interface RequestSize {
  inputTokens: number;
  outputTokens: number;
  /** The client's own limit for the answer. */
  maxTokens: number | null;
}

/** One sentence when a single request counts more than a limit of the model or its provider can ever admit, else null. */
export function beyondLimits({ model, provider }: RoutableModel, size: RequestSize): string | null {
  if (!provider) return null;
  const counted = expectedTokens(provider.type, size);
  const perUnit = {
    tpm: counted.tokens,
    tpd: counted.tokens,
    itpm: counted.inputTokens,
    otpm: counted.outputTokens,
  } as const satisfies Partial<Record<keyof Limits, number>>;
  for (const limits of [model.limits, provider.limits]) {
    for (const unit of ['tpm', 'itpm', 'otpm', 'tpd'] as const) {
      const limit = limits?.[unit];
      if (limit !== undefined && perUnit[unit] > limit)
        return `The request counts ${perUnit[unit]} tokens at once, and its ${unit} limit is ${limit}.`;
    }
  }
  return null;
}
