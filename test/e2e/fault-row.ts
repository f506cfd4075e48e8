import type { ErrorClass } from '#contracts/attempt.js';
import type { Fault } from '../../apps/simulator/src/fault-shapes.js';

export const VENDORS = ['openai', 'anthropic', 'vllm'] as const;
export type Vendor = (typeof VENDORS)[number];

/** How a client gets its answer: in one piece, as OpenAI's stream, or as a job whose events it reads. */
export const DELIVERIES = ['plain', 'stream', 'asynchronous'] as const;
export type Delivery = (typeof DELIVERIES)[number];

/** The model that is asked first and has the fault, and the one that stands behind it. */
export type Party = 'primary' | 'backup';

/** A line of the table: one fault of the primary, and what is to become of a request that meets it. */
export interface Row {
  name: string;
  /** Default: all. */
  vendors?: readonly Vendor[];
  /** Default: all. */
  deliveries?: readonly Delivery[];
  /** The primary's; `refuse_connection` stands for a port where nobody listens, null for a primary that is well. */
  fault: Fault | 'refuse_connection' | null;
  /** Of the primary: short where the fault is silence. */
  timeouts?: Readonly<Record<string, number>>;
  /** What the request's policy has beside the models. */
  policy?: Readonly<Record<string, unknown>>;
  /** What the request has beside its messages. */
  body?: Readonly<Record<string, unknown>>;
  /** Default: a window far larger than the primary's and no fault; null where the policy names the primary alone. */
  backup?: { contextTokens?: number; fault?: Fault } | null;
  course: (place: Place) => Course;
}

/** A column of the table, for one vendor. */
export interface Place {
  vendor: Vendor;
  delivery: Delivery;
}

/** What becomes of one request: its attempts in order, and what its client gets. */
export interface Course {
  attempts: readonly ExpectedAttempt[];
  end:
    | { kind: 'answer'; text: 'all' | 'beginning' | 'none'; finish: string }
    /** Before any content, as an HTTP answer says it. */
    | { kind: 'error'; status: number; code: string }
    /** A synchronous stream broke after its first content. */
    | { kind: 'interruption' };
}

export interface ExpectedAttempt {
  by: Party;
  /** Null for the one that answered. */
  failure: Failure | null;
  /** Readers have seen output of it. */
  spoke: boolean;
}

/** One failed attempt, as the record has it and as the provider saw it. */
export interface Failure {
  class: ErrorClass;
  code: string;
  /** The provider's status; null where the error has none. */
  status: number | null;
  /** The status line that left the provider and how the exchange ended; null when no request reached it. */
  wire: string | null;
}

/** The primary's window; prompts of the table fit. */
export const PRIMARY_CONTEXT = 8_192;

/** Silence of this length is a failure in the rows that wait for one: long enough for a call on a busy machine to begin. */
export const SHORT_TIMEOUTS = { first_token_ms: 3_000, idle_ms: 3_000, answer_ms: 3_000 };
