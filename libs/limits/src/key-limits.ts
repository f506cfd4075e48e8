import type { KeyCharge } from '#contracts/key-limits.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import { costIn, LIMIT_UNITS, windowOf, type CallCost } from './limit-units.js';

const NOTHING: readonly KeyCharge[] = [];

/**
 * What a job counts against each limit of its key: one request, its tokens as expected when it was planned, and one unfinished
 * job. What it really used is not settled: a client can tell beforehand what a request will cost it.
 */
export function keyCharges(limits: Limits, tokens: Omit<CallCost, 'tokens'>): readonly KeyCharge[] {
  const { inputTokens, outputTokens } = tokens;
  const counted = { inputTokens, outputTokens, tokens: inputTokens + outputTokens };
  const charges = LIMIT_UNITS.flatMap((rule): KeyCharge[] => {
    const limit = limits[rule];
    return limit === undefined ? [] : [{ rule, limit, windowMs: windowOf(rule), cost: costIn(rule, counted) }];
  });
  if (limits.concurrency !== undefined)
    charges.push({ rule: 'concurrency', limit: limits.concurrency, windowMs: null, cost: 1 });
  return charges.length === 0 ? NOTHING : charges;
}

/** The first rule that a job alone is beyond, so that waiting would not help; null when there is none. */
export function beyondKeyLimit(charges: readonly KeyCharge[]): KeyCharge | null {
  return charges.find(({ cost, limit }) => cost > limit) ?? null;
}
