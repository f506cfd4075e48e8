import type { ErrorClass, PublicError } from '#contracts/attempt.js';
import type { RateLimitReading } from '#contracts/rate-limits.js';

export interface ProviderErrorOptions {
  /** The provider's HTTP status, when it answered. */
  status?: number | undefined;
  /** The provider's own code, or ours where it gave none. */
  code: string;
  param?: string | null | undefined;
  /** How long the provider asks us to stay away. */
  retryAfterMs?: number | undefined;
  /** Whose health a `transient` or a `provider_fault` speaks against; the provider's when absent. */
  blames?: 'provider' | 'model' | 'nobody' | undefined;
  rateLimits?: RateLimitReading | null | undefined;
  /** What was streamed before it failed may have been billed. */
  cause?: unknown;
}

/** A failed attempt. Its class is set here, once, and decides what happens next; the message is the provider's and safe to show. */
export class ProviderError extends Error {
  /** What the response's headers say of the provider's buckets; null when they say nothing, or none came. */
  rateLimits: RateLimitReading | null;

  constructor(
    readonly errorClass: ErrorClass,
    message: string,
    readonly options: ProviderErrorOptions,
  ) {
    super(message, { cause: options.cause });
    this.name = 'ProviderError';
    this.rateLimits = options.rateLimits ?? null;
  }

  /** The form in which attempts and jobs keep it. */
  toPublic(): PublicError {
    return {
      code: this.options.code,
      message: this.message,
      class: this.errorClass,
      providerStatus: this.options.status ?? null,
      param: this.options.param ?? null,
    };
  }
}
