import { hash } from 'node:crypto';
import type { TerminalState } from '#contracts/job-state.js';
import type { WebhookEvent } from '#contracts/webhook.js';
import { textLength, type JobRecord } from '#jobs/job-record.js';
import { jobView } from '#jobs/job-view.js';

/** Standard Webhooks asks for bodies under 20 KB; a larger one carries only what a receiver needs to fetch the rest. */
export const LARGEST_BODY = 20_000;

/** The end of a job as an event. */
export interface EndedJob {
  jobId: string;
  state: TerminalState;
  /** Unix milliseconds. */
  at: number;
}

/** The id of an event: the same for every target and every try, so that receivers can tell a repetition. Without a dot. */
export function eventId(jobId: string, type: WebhookEvent): string {
  return `evt_${hash('sha256', `${jobId} ${type}`).slice(0, 32)}`;
}

/**
 * The body that a webhook carries: the job as the API shows it, or its essentials when that is too large, or its id and state
 * when the job was erased meanwhile.
 */
export function eventBody(ended: EndedJob, record: JobRecord | null): string {
  const type: WebhookEvent = `job.${ended.state}`;
  const envelope = {
    id: eventId(ended.jobId, type),
    object: 'event',
    type,
    created_at: Math.floor(ended.at / 1_000),
    timestamp: new Date(ended.at).toISOString(),
  };
  if (record === null) {
    return JSON.stringify({ ...envelope, data: { id: ended.jobId, object: 'job', state: ended.state } });
  }
  // Told from its length: parsing megabytes would hold up the process.
  if (!record.brief && textLength(record) <= LARGEST_BODY) {
    const full = JSON.stringify({ ...envelope, data: jobView(record) });
    if (Buffer.byteLength(full) <= LARGEST_BODY) return full;
  }
  return JSON.stringify({ ...envelope, data: thin(record) });
}

/** Nothing in it is as long as a client or a provider likes. */
function thin(record: JobRecord): Record<string, unknown> {
  const { error } = record;
  const view = jobView({ ...record, result: null, steps: [] });
  const { id, object, type, state, created_at, started_at, finished_at, model, provider, usage, cost_usd, urls } = view;
  return {
    ...{ id, object, type, state, created_at, started_at, finished_at, model, provider },
    error: error && { code: error.code.slice(0, 200), class: error.class, provider_status: error.providerStatus },
    ...{ usage, cost_usd, urls },
  };
}
