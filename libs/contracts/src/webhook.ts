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
  /** The job's own URL; null for an endpoint, whose URL is in the configuration. */
  url: string | null;
  events: readonly WebhookFilter[];
}
