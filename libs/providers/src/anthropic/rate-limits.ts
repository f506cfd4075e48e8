import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimitReading, RateLimitUnit } from '#contracts/rate-limits.js';
import { readBuckets, type BucketHeaders } from '../read-buckets.js';

/**
 * What Anthropic's `anthropic-ratelimit-*` headers say; null when there are none. A reset is a time of the server's clock, so
 * that the response's own date tells how far away it is, and ours only where that is absent.
 */
export function readRateLimits(headers: IncomingHttpHeaders): RateLimitReading | null {
  const { date = '' } = headers;
  const sentAt = date.endsWith(' GMT') ? Date.parse(date) : NaN;
  const now = Number.isNaN(sentAt) ? Date.now() : sentAt;
  return readBuckets(headers, BUCKETS, (reset) => untilMs(reset, now));
}

const UNITS: readonly [name: string, unit: RateLimitUnit][] = [
  ['requests', 'requests'],
  ['tokens', 'tokens'],
  ['input-tokens', 'input_tokens'],
  ['output-tokens', 'output_tokens'],
];

const BUCKETS: readonly BucketHeaders[] = UNITS.map(([name, unit]) => ({
  unit,
  limit: `anthropic-ratelimit-${name}-limit`,
  remaining: `anthropic-ratelimit-${name}-remaining`,
  reset: `anthropic-ratelimit-${name}-reset`,
}));

function untilMs(reset: string, now: number): number | null {
  // Date.parse alone would also take "7" or "May".
  const at = RFC_3339.test(reset) ? Date.parse(reset) : NaN;
  return Number.isNaN(at) ? null : Math.max(0, at - now);
}

const RFC_3339 = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/i;
