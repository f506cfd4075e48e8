import type { IncomingHttpHeaders } from 'node:http';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { Usage } from '#contracts/usage.js';
import type { ProviderCall } from '../provider-adapter.js';
import { toUpstreamBody } from './convert-messages.js';
import { toUsage } from './convert-usage.js';
import { errorFromEvent, errorFromResponse, type ErrorReader } from './error.js';
import { toFinishReason } from './map-finish-reason.js';
import { readRateLimits } from './rate-limits.js';

/** What a server that speaks OpenAI's protocol says in its own way; the connection and both kinds of answer are read alike. */
export interface Dialect extends ErrorReader {
  /** The request's body as JSON text. */
  toUpstreamBody: (call: Pick<ProviderCall, 'body' | 'upstreamModel'>, streamed: boolean) => string;
  /** Null when the provider did not report it. */
  toUsage: (value: unknown) => Usage | null;
  /** Null for what is no good end of a choice. */
  toFinishReason: (value: unknown) => string | null;
  /** Null when the headers say nothing of rate limits. */
  readRateLimits: (headers: IncomingHttpHeaders) => RateLimitReading | null;
}

/** OpenAI's own. */
export const OPENAI: Dialect = {
  toUpstreamBody,
  toUsage,
  toFinishReason,
  errorFromResponse,
  errorFromEvent,
  readRateLimits,
};
