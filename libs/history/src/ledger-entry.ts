import type { ErrorClass } from '#contracts/attempt.js';
import type { TerminalState } from '#contracts/job-state.js';
import type { Usage } from '#contracts/usage.js';

/**
 * What the scripts append to the ledger (`append_ledger` in `record.lua`, `end-try.lua`): an attempt that ended, the end of a job, both at
 * once, or the end of a webhook's delivery.
 */
export interface LedgerEntry {
  job: string;
  project: string;
  key: string;
  /** Unix milliseconds. */
  at: number;
  /** The job had ended before the attempt did. */
  late: boolean;
  attempt: LedgerAttempt | null;
  ended: { state: TerminalState } | null;
  /** The id of a delivery that ended; absent for what jobs do. */
  delivery?: string;
}

/** An attempt's record without its texts; `id` is the one of its BullMQ job. */
export interface LedgerAttempt {
  id: string;
  model: string;
  provider: string;
  state: TerminalState;
  errorClass: ErrorClass | null;
  waitedMs: number;
  ttftMs: number | null;
  durationMs: number;
  usage: Usage | null;
  usageEstimated: boolean;
  costNano: number;
}

/** An entry as it was read from the stream. */
export interface ReadEntry extends LedgerEntry {
  /** Its id in the stream. */
  id: string;
}
