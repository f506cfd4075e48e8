import type { TerminalState } from '#contracts/job-state.js';
import type { LedgerAttempt } from '#jobs/ledger-attempt.js';

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
  /** `bytes` is what its record takes in Redis; absent in entries of an older version. */
  ended: { state: TerminalState; bytes?: number } | null;
  /** The id of a delivery that ended; absent for what jobs do. */
  delivery?: string;
}

/** An entry as it was read from the stream. */
export interface ReadEntry extends LedgerEntry {
  /** Its id in the stream. */
  id: string;
}

/** An entry that cannot be read: a person must look at it. */
export interface BrokenEntry {
  id: string;
  /** As it stands in the stream. */
  text: string;
}
