import { NANO_PARTS } from '#contracts/money.js';
import type { Price } from '#contracts/registry-snapshot.js';
import type { Usage } from '#contracts/usage.js';

/**
 * What a usage costs in whole nano-dollars, rounded up. Input that was read from a cache or written to one is billed at its own
 * price and never twice; a provider that reports more of it than input is billed as if all of its input were that, reads first.
 */
export function costOf(usage: Usage, price: Price): number {
  const input = Math.max(0, usage.inputTokens);
  const cached = Math.min(Math.max(0, usage.cachedInputTokens), input);
  const written = Math.min(Math.max(0, usage.cacheWriteInputTokens), input - cached);
  const written1h = Math.min(Math.max(0, usage.cacheWrite1hInputTokens ?? 0), written);
  const output = Math.max(0, usage.outputTokens);
  return wholeNano(
    (input - cached - written) * price.inputNano +
      cached * price.cachedInputNano +
      (written - written1h) * price.cacheWriteNano +
      written1h * (price.cacheWrite1hNano ?? price.cacheWriteNano) +
      output * price.outputNano,
  );
}

/** What so many tokens would cost with nothing cached, in whole nano-dollars, rounded up. */
export function estimateCost(tokens: { inputTokens: number; outputTokens: number }, price: Price): number {
  return wholeNano(tokens.inputTokens * price.inputNano + tokens.outputTokens * price.outputNano);
}

/** Without the rounding of parts, 3 × 0.1 would be billed as more than 0.3. */
function wholeNano(nano: number): number {
  return Number.isInteger(nano) ? nano : Math.ceil(Math.round(nano * NANO_PARTS) / NANO_PARTS);
}
