import { TERMINAL_STATES, type TerminalState } from './job-state.js';

/** What a webhook can tell of: the end of a job. */
export type WebhookEvent = `job.${TerminalState}`;

export const WEBHOOK_EVENTS: readonly WebhookEvent[] = TERMINAL_STATES.map((state): WebhookEvent => `job.${state}`);

/** What an endpoint may ask for; `job.*` is all of them. */
export const WEBHOOK_FILTERS = ['job.*', ...WEBHOOK_EVENTS] as const;
export type WebhookFilter = (typeof WEBHOOK_FILTERS)[number];

/** Who is told of a job's end; fixed when the job is created. */
export interface HookTarget {
  /** An endpoint of the job's project; null for the URL that the job names itself. */
  endpoint: string | null;
  /** The job's own URL; null for an endpoint, which has its own. */
  url: string | null;
  events: readonly WebhookFilter[];
}

export const DELIVERY_STATES = ['pending', 'delivered', 'dead'] as const;
export type DeliveryState = (typeof DELIVERY_STATES)[number];

/** One try of a delivery. */
export interface DeliveryTry {
  /** Unix milliseconds at which it began. */
  at: number;
  /** Null when nothing was answered. */
  httpStatus: number | null;
  durationMs: number;
  /** A code; null for a success. */
  error: string | null;
}

/** One event on its way to one target. */
export interface Delivery {
  id: string;
  jobId: string;
  project: string;
  /** An endpoint of the project; null for the URL that the job named itself. */
  endpoint: string | null;
  /** That URL; null for an endpoint. */
  url: string | null;
  /** How the job ended. */
  state: TerminalState;
  /** When it ended, in Unix milliseconds. */
  at: number;
  status: DeliveryState;
  /** How often it was begun anew at a client's wish, plus one. */
  round: number;
  /** Tries of this round that have ended. */
  attempts: number;
  /** Why the last try failed, or it was given up; null for none. */
  reason: string | null;
  /** Unix milliseconds before which the next try must not start; null when there is none, and before the first. */
  nextAt: number | null;
  /** When it was delivered or given up. */
  endedAt: number | null;
  /** What of ours it waits for; null for nothing. */
  heldBy: string | null;
  /** The newest tries of all rounds, the oldest first. */
  tries: readonly DeliveryTry[];
}

/** A made endpoint's signing secret, sealed by the vault under `name`. */
export interface SealedSecret {
  name: string;
  sealed: string;
  /** Unix milliseconds from which on it signs no more, after a rotation; null for the newest. */
  endsAtMs: number | null;
}

/** An endpoint that was made over the API, as every process needs it. */
export interface MadeEndpoint {
  project: string;
  id: string;
  url: string;
  events: readonly WebhookFilter[];
  enabled: boolean;
  /** Since when its failures count (Unix ms): its making, its last change of URL, or when it was enabled again. */
  armedAtMs: number;
  /** The newest first. */
  secrets: readonly SealedSecret[];
}

/** All that were made over the API. */
export interface MadeEndpoints {
  endpoints: readonly MadeEndpoint[];
}
