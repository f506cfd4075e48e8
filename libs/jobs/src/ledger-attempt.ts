import type { AttemptRecord, ErrorClass } from '#contracts/attempt.js';
import type { TerminalState } from '#contracts/job-state.js';
import { attemptId } from '#contracts/queue-payloads.js';
import type { Usage } from '#contracts/usage.js';

/** An attempt's record without its texts; `id` is the one of its BullMQ job, and has an ending of its own for a run that crashed. */
export interface LedgerAttempt {
  id: string;
  model: string;
  provider: string;
  state: TerminalState;
  /** `worker_crash`: its worker died, and nothing else is known of it. */
  errorClass: ErrorClass | 'worker_crash' | null;
  waitedMs: number;
  ttftMs: number | null;
  durationMs: number;
  usage: Usage | null;
  usageEstimated: boolean;
  costNano: number;
}

/** An attempt of this call as the ledger has it. */
export function ledgerAttempt(callId: string, record: AttemptRecord): LedgerAttempt {
  const { n, model, provider, state, error, waitedMs, ttftMs, durationMs, usage, usageEstimated, costNano } = record;
  const [id, errorClass] = [attemptId(callId, n), error?.class ?? null];
  return { id, model, provider, state, errorClass, waitedMs, ttftMs, durationMs, usage, usageEstimated, costNano };
}
