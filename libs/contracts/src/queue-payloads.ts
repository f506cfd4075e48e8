import type { JobState } from './job-state.js';

/** What travels in BullMQ: ids only, so that no prompt, answer or secret ever sits in queue data. */

export interface AttemptPayload {
  jobId: string;
  callId: string;
  attempt: number;
  /** The BullMQ id of the step that waits for the call; absent for a job of one call. */
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

/** A node of a job's graph. */
export interface StepPayload {
  jobId: string;
  step: string;
}

/** How a step's BullMQ job ended; `in_progress` when the rest is for the steps after it. */
export type StepOutcome = JobState | 'gone';

export interface StepResult extends StepPayload {
  outcome: StepOutcome;
}

/** The BullMQ id of a step; `build` counts how often the job's steps have been enqueued anew after they were lost. */
export function stepId({ jobId, step }: StepPayload, build: number): string {
  return `${jobId}.${step}.${build}`;
}

/** Throws a TypeError that names the field when a payload is not a step's: checked at enqueue and at dequeue. */
export function assertStepPayload(value: unknown): asserts value is StepPayload {
  const payload = value as Partial<StepPayload> | null;
  if (typeof payload !== 'object' || payload === null) throw new TypeError('step payload is not an object');
  if (typeof payload.jobId !== 'string' || payload.jobId === '') throw new TypeError('step payload has no jobId');
  if (typeof payload.step !== 'string' || payload.step === '') throw new TypeError('step payload has no step');
}

/** One event on its way to one target; what is sent and where lies under its id. */
export interface DeliveryPayload {
  deliveryId: string;
}

/** Throws a TypeError when a payload is not a delivery's: checked at enqueue and at dequeue. */
export function assertDeliveryPayload(value: unknown): asserts value is DeliveryPayload {
  const payload = value as Partial<DeliveryPayload> | null;
  if (typeof payload !== 'object' || payload === null) throw new TypeError('delivery payload is not an object');
  if (typeof payload.deliveryId !== 'string' || payload.deliveryId === '')
    throw new TypeError('delivery payload has no deliveryId');
}
