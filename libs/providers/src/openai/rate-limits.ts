import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import { readBuckets, type BucketHeaders } from '../read-buckets.js';

/** What OpenAI's `x-ratelimit-*` headers say; null when there are none. */
export function readRateLimits(headers: IncomingHttpHeaders): RateLimitReading | null {
  return readBuckets(headers, BUCKETS, durationMs);
}

const BUCKETS: readonly BucketHeaders[] = (['requests', 'tokens'] as const).map((unit) => ({
  unit,
  limit: `x-ratelimit-limit-${unit}`,
  remaining: `x-ratelimit-remaining-${unit}`,
  reset: `x-ratelimit-reset-${unit}`,
}));

/** A duration as Go writes it, such as `1h2m3.5s`, in whole milliseconds rounded up; null for anything else. */
function durationMs(text: string): number | null {
  if (text === '0') return 0;
  if (!DURATION.test(text)) return null;
  let ms = 0;
  for (const [, amount, unit = ''] of text.matchAll(PART)) ms += Number(amount) * (UNIT_MS[unit] ?? NaN);
  const whole = Math.ceil(Math.round(ms * NANO_PER_MS) / NANO_PER_MS);
  return Number.isSafeInteger(whole) ? whole : null;
}

const DURATION = /^(?:\d+(?:\.\d+)?(?:ns|us|µs|μs|ms|s|m|h))+$/;
const PART = /(\d+(?:\.\d+)?)(ns|us|µs|μs|ms|s|m|h)/g;

/** Go's own digits: without the rounding to them, the noise of binary floats would add a millisecond. */
const NANO_PER_MS = 1e6;

/** Go writes the micro sign and also reads the Greek letter. */
const UNIT_MS: Partial<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  μs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};
