import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimitBucket, RateLimitReading, RateLimitUnit } from '#contracts/rate-limits.js';

/** The headers that describe one bucket. */
export interface BucketHeaders {
  unit: RateLimitUnit;
  limit: string;
  remaining: string;
  reset: string;
}

/**
 * The buckets that the headers describe; null when they describe none. A bucket needs a readable `remaining`; its limit and
 * reset are null when they are absent or unreadable, and nothing a gateway may write in there throws.
 */
export function readBuckets(
  headers: IncomingHttpHeaders,
  buckets: readonly BucketHeaders[],
  toResetMs: (reset: string) => number | null,
): RateLimitReading | null {
  const found: RateLimitBucket[] = [];
  for (const { unit, limit, remaining, reset } of buckets) {
    const left = toCount(headers[remaining]);
    if (left === null) continue;
    const resetText = headers[reset];
    found.push({
      unit,
      limit: toCount(headers[limit]),
      remaining: left,
      resetMs: typeof resetText === 'string' ? toResetMs(resetText.trim()) : null,
    });
  }
  return found.length > 0 ? found : null;
}

function toCount(value: string | string[] | undefined): number | null {
  if (typeof value !== 'string' || !/^\s*\d+\s*$/.test(value)) return null;
  const count = Number(value);
  return Number.isSafeInteger(count) ? count : null;
}
