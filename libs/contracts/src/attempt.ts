import type { JsonObject } from './json.js';
import type { Usage } from './usage.js';

/** What went wrong at a provider, set once where the error is made; it decides what happens next. */
export const ERROR_CLASSES = [
  'rate_limited',
  'context_overflow',
  'transient',
  'provider_fault',
  'content_filtered',
  'invalid_request',
] as const;
export type ErrorClass = (typeof ERROR_CLASSES)[number];

/** An error as a job or an attempt shows it: safe to show to the job's owner. */
export interface PublicError {
  code: string;
  message: string;
  class: ErrorClass | null;
  providerStatus: number | null;
  /** The field that the provider complained about, where it named one. */
  param?: string | null;
  /** What else there is to know, such as the last text of an answer that did not fit its schema. */
  details?: JsonObject;
}

/** One finished attempt, as it is kept on the record. Times in milliseconds. */
export interface AttemptRecord {
  n: number;
  /** The step whose call it was, in a job that is a graph. */
  step?: string;
  model: string;
  provider: string;
  state: 'completed' | 'failed' | 'cancelled' | 'expired';
  error: PublicError | null;
  /** From being enqueued to being sent. */
  waitedMs: number;
  ttftMs: number | null;
  /** Fields of the body that the vendor has nothing for and that were left out; absent when there are none. */
  dropped?: string[];
  durationMs: number;
  usage: Usage | null;
  /** True when the provider gave no usage and the figures are our own count. */
  usageEstimated: boolean;
  costNano: number;
}
