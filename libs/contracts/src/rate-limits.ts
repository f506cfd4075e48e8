/** What a provider counts. */
export type RateLimitUnit = 'requests' | 'tokens' | 'input_tokens' | 'output_tokens';

/** One of a provider's buckets, as the headers of a response describe it. */
export interface RateLimitBucket {
  unit: RateLimitUnit;
  /** How much the bucket holds when full; null when the provider does not say. */
  limit: number | null;
  remaining: number;
  /** Milliseconds from the response until the bucket is full again; null when the provider does not say. */
  resetMs: number | null;
}

/** What one response says of its provider's buckets; at least one. */
export type RateLimitReading = readonly RateLimitBucket[];
