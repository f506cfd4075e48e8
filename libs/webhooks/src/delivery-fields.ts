import type { TerminalState } from '#contracts/job-state.js';
import type { Delivery, DeliveryState, DeliveryTry } from '#contracts/webhook.js';
import { eventId, type EndedJob } from './event-body.js';
import type { Target } from './target-directory.js';

/** What the finishing script wrote into the outbox. */
export interface OutboxEntry extends EndedJob, Target {}

type Fields = Partial<Record<string, string>>;

/** The id of an event on its way to one target; the same for the same, so that what is queued twice is sent once. */
export function deliveryIdOf({ jobId, state, endpoint }: OutboxEntry): string {
  const event = eventId(jobId, `job.${state}`);
  return endpoint === null ? event : `${event}.${endpoint}`;
}

/** An outbox entry as the finishing script writes it, and as a delivery keeps it. */
export function fromFields(fields: Fields): OutboxEntry {
  return {
    jobId: fields.job ?? '',
    project: fields.project ?? '',
    state: fields.state as TerminalState,
    at: Number(fields.at),
    endpoint: present(fields.endpoint),
    url: present(fields.url),
  };
}

export function toFields({ jobId, project, state, at, endpoint, url }: OutboxEntry): Record<string, string | number> {
  return { job: jobId, project, state, at, endpoint: endpoint ?? '', url: url ?? '' };
}

/** A delivery as Redis has it; null for no fields. */
export function toDelivery(id: string, fields: Fields): Delivery | null {
  if (fields.status === undefined) return null;
  return {
    ...fromFields(fields),
    id,
    status: fields.status as DeliveryState,
    round: Number(fields.round ?? 1),
    attempts: Number(fields.attempts ?? 0),
    reason: present(fields.reason),
    nextAt: numberIn(fields.next_at),
    endedAt: numberIn(fields.ended_at),
    heldBy: present(fields.held_by),
    tries: triesIn(fields),
  };
}

/** The record of a delivery that only the history has, as Redis had it. */
export function recordOf(delivery: Delivery): Record<string, string | number> {
  const { status, round, attempts, reason, tries } = delivery;
  const each = tries.map((one, i): [string, string] => [`try:${i + 1}`, JSON.stringify(one)]);
  return {
    ...toFields(delivery),
    ...{ status, round, attempts, reason: reason ?? '', tried: tries.length },
    ...Object.fromEntries(each),
  };
}

function triesIn(fields: Fields): DeliveryTry[] {
  const numbered = Object.entries(fields).flatMap(([name, text]): [number, string][] =>
    name.startsWith('try:') && text !== undefined ? [[Number(name.slice(4)), text]] : [],
  );
  return numbered.toSorted(([a], [b]) => a - b).map(([, text]) => JSON.parse(text) as DeliveryTry);
}

function present(field: string | undefined): string | null {
  return field === undefined || field === '' ? null : field;
}

function numberIn(field: string | undefined): number | null {
  return field === undefined || field === '' ? null : Number(field);
}
