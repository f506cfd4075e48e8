import type { TerminalState } from './job-state.js';

/** What travels in BullMQ: ids only, so that no prompt, answer or secret ever sits in queue data. */

export interface AttemptPayload {
  jobId: string;
  callId: string;
  attempt: number;
  /** The BullMQ id of the graph whose call it is; absent for a job of one call. */
  parent?: string;
}

/** How an attempt's BullMQ job ended; it never fails inside BullMQ. */
export type AttemptOutcome =
  'completed' | 'advanced' | 'failed' | 'cancelled' | 'expired' | 'superseded' | 'finished' | 'gone' | 'released';

export interface AttemptResult {
  callId: string;
  outcome: AttemptOutcome;
}

/** The BullMQ id of an attempt; the same attempt always has the same id, so that adding it twice runs it once. */
export function attemptId(callId: string, attempt: number): string {
  return `${callId}.${attempt}`;
}

/** Throws a TypeError that names the field when a payload is not an attempt's: checked at enqueue and at dequeue. */
export function assertAttemptPayload(value: unknown): asserts value is AttemptPayload {
  const payload = value as Partial<AttemptPayload> | null;
  if (typeof payload !== 'object' || payload === null) throw new TypeError('attempt payload is not an object');
  if (typeof payload.jobId !== 'string' || payload.jobId === '') throw new TypeError('attempt payload has no jobId');
  if (typeof payload.callId !== 'string' || payload.callId === '') throw new TypeError('attempt payload has no callId');
  if (!Number.isInteger(payload.attempt) || (payload.attempt ?? 0) < 1)
    throw new TypeError('attempt payload has no attempt number');
  if (payload.parent !== undefined && (typeof payload.parent !== 'string' || payload.parent === ''))
    throw new TypeError('attempt payload has a parent that is no id');
}

/** A job that is a graph of steps. */
export interface GraphPayload {
  jobId: string;
}

export interface GraphResult extends GraphPayload {
  outcome: TerminalState | 'gone';
}

/** The BullMQ id of a graph; `build` counts how often it has been enqueued anew after it was lost. */
export function graphId(jobId: string, build: number): string {
  return `${jobId}.${build}`;
}

/** Throws a TypeError that names the field when a payload is not a graph's: checked at enqueue and at dequeue. */
export function assertGraphPayload(value: unknown): asserts value is GraphPayload {
  const payload = value as Partial<GraphPayload> | null;
  if (typeof payload !== 'object' || payload === null) throw new TypeError('graph payload is not an object');
  if (typeof payload.jobId !== 'string' || payload.jobId === '') throw new TypeError('graph payload has no jobId');
}

/** One event on its way to one target; what is sent and where lies under its id. */
export interface DeliveryPayload {
  deliveryId: string;
  /** How often it was begun anew at a client's wish, plus one; absent for the first. */
  round?: number;
}

/** The BullMQ id of a delivery in this round: one that is begun anew must not be taken for the one that is about to leave the queue. */
export function deliveryJobId({ deliveryId, round = 1 }: DeliveryPayload): string {
  return round === 1 ? deliveryId : `${deliveryId}~${round}`;
}

/** Throws a TypeError when a payload is not a delivery's: checked at enqueue and at dequeue. */
export function assertDeliveryPayload(value: unknown): asserts value is DeliveryPayload {
  const payload = value as Partial<DeliveryPayload> | null;
  if (typeof payload !== 'object' || payload === null) throw new TypeError('delivery payload is not an object');
  if (typeof payload.deliveryId !== 'string' || payload.deliveryId === '')
    throw new TypeError('delivery payload has no deliveryId');
  if (payload.round !== undefined && !(Number.isInteger(payload.round) && payload.round >= 1))
    throw new TypeError('delivery payload has a round that is no number');
}
