/** How a limit is kept: refilled all the time, or as a sum over the last sixty seconds. */
export type LimitAlgorithm = 'token_bucket' | 'sliding_window';

/**
 * How tokens count towards `tpm`. OpenAI: the larger of the estimated prompt and `max_tokens`, at admission, without
 * refund. Anthropic: input without cache reads at admission, output as it is produced.
 */
export type Counting = 'openai' | 'anthropic';

/** The limits that count something per minute. */
export const RATE_NAMES = ['rpm', 'tpm', 'itpm', 'otpm'] as const;
export type RateName = (typeof RATE_NAMES)[number];
export type LimitName = RateName | 'concurrency';

/** What is allowed, each for itself; what is left out is without limit. */
export interface LimitSet extends Partial<Record<LimitName, number>> {
  /** Default `token_bucket`. */
  algorithm?: LimitAlgorithm;
  /** Default: as the protocol's vendor counts. */
  mode?: Counting;
  /** A bucket's size as a share of its limit, default 1; at least one unit. A window has none. */
  burst?: number;
}

/** A provider's limits: over all requests, and of single models besides. */
export interface ProviderLimits extends LimitSet {
  /** Algorithm, mode and burst are taken from above where a model names none. */
  by_model?: Record<string, LimitSet>;
}

// With the burst at its most, a bucket's 60,000ths are still exact whole numbers.
const LIMIT_SCHEMA = { type: 'integer', minimum: 1, maximum: 10_000_000_000 };
const LIMIT_SET_PROPERTIES: Record<keyof LimitSet, object> = {
  algorithm: { enum: ['token_bucket', 'sliding_window'] },
  mode: { enum: ['openai', 'anthropic'] },
  rpm: LIMIT_SCHEMA,
  tpm: LIMIT_SCHEMA,
  itpm: LIMIT_SCHEMA,
  otpm: LIMIT_SCHEMA,
  burst: { type: 'number', exclusiveMinimum: 0, maximum: 10 },
  concurrency: LIMIT_SCHEMA,
};

/** JSON Schema of the setting `limits`. */
export const LIMITS_SCHEMA = {
  type: ['object', 'null'],
  properties: {
    ...LIMIT_SET_PROPERTIES,
    by_model: {
      type: 'object',
      additionalProperties: { type: 'object', properties: LIMIT_SET_PROPERTIES, additionalProperties: false },
    },
  },
  additionalProperties: false,
};
