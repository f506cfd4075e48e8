import type { Limits } from '#contracts/registry-snapshot.js';

/** What a provider counts, by the names of its limits. */
export const LIMIT_UNITS = ['rpm', 'rpd', 'tpm', 'tpd', 'itpm', 'otpm'] as const;
export type LimitUnit = (typeof LIMIT_UNITS)[number];

/** What one call counts at its provider: `tokens` where all are counted together, the others where they are counted apart. */
export interface CallCost {
  tokens: number;
  inputTokens: number;
  outputTokens: number;
}

/** How a limit is paced: one unit becomes free every so many milliseconds. */
export interface Pace {
  unit: LimitUnit;
  limit: number;
  msPerUnit: number;
  /** How far ahead of its pace a pool may be, in milliseconds. */
  toleranceMs: number;
  /** What a call may cost without waiting for more than the calls before it have used. */
  small: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * The parts of a minute's limit. Providers enforce token buckets or sliding windows of 60 s, and do not say which. Calls that
 * start at an even pace keep both: in any minute start at most what the pace allows, what it may be ahead, and one small call
 * more. Requests all cost the same, so that nothing is left over for that one. What remains is for the jitter of the network.
 */
const OF_REQUESTS = { pace: 0.985, ahead: 0.01, small: 1 };
const OF_TOKENS = { pace: 0.965, ahead: 0.01, small: 0.02 };

/** How these limits are paced; concurrency is not, and absent limits are not either. */
export function pacesOf(limits: Limits): Pace[] {
  return LIMIT_UNITS.flatMap((unit) => {
    const limit = limits[unit];
    return limit === undefined ? [] : [paceOf(unit, limit)];
  });
}

/** What a call costs in this unit: requests count one each, and tokens as the unit says. */
export function costIn(unit: LimitUnit, { tokens, inputTokens, outputTokens }: CallCost): number {
  switch (unit) {
    case 'rpm':
    case 'rpd':
      return 1;
    case 'tpm':
    case 'tpd':
      return tokens;
    case 'itpm':
      return inputTokens;
    case 'otpm':
      return outputTokens;
  }
}

/** Over how long a limit counts, in milliseconds. */
export function windowOf(unit: LimitUnit): number {
  return unit === 'rpd' || unit === 'tpd' ? DAY_MS : MINUTE_MS;
}

function paceOf(unit: LimitUnit, limit: number): Pace {
  // A day's limit may be used at once: nobody would want a call every nine seconds because there may be ten thousand a day.
  if (unit === 'rpd' || unit === 'tpd')
    return { unit, limit, msPerUnit: DAY_MS / limit, toleranceMs: DAY_MS, small: 0 };
  const part = unit === 'rpm' ? OF_REQUESTS : OF_TOKENS;
  const msPerUnit = MINUTE_MS / (limit * part.pace);
  return { unit, limit, msPerUnit, toleranceMs: limit * part.ahead * msPerUnit, small: limit * part.small };
}
