/** Every event of a job's stream; `id:` on the wire is its sequence number, which starts at 1 and has no gaps. */
export const JOB_EVENT_TYPES = [
  'job.queued',
  'job.started',
  'attempt.started',
  'attempt.failed',
  'step.started',
  'step.completed',
  'step.failed',
  'output.delta',
  'output.reset',
  'job.completed',
  'job.failed',
  'job.cancelled',
  'job.expired',
] as const;
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

export interface JobEvent {
  seq: number;
  type: JobEventType;
  /** JSON text. Terminal events carry only the state: readers look the rest up on the record, which can no longer change. */
  data: string;
}

const TERMINAL_EVENTS: readonly JobEventType[] = ['job.completed', 'job.failed', 'job.cancelled', 'job.expired'];

/** True for the event after which a job's stream has no more. */
export function isTerminalEvent(type: JobEventType): boolean {
  return TERMINAL_EVENTS.includes(type);
}
