import { NO_USAGE } from '#contracts/usage.js';
import type { LedgerAttempt } from '#jobs/ledger-attempt.js';
import type { LedgerEntry } from './ledger-entry.js';

/** An entry that has an attempt. */
export type AttemptEntry = LedgerEntry & { attempt: LedgerAttempt };

/** The columns of `usage_attempts` that say what was used; in this order they are exported. */
export const ATTEMPT_COLUMNS = [
  ...(['id', 'job_id', 'project', 'key', 'provider', 'model', 'state', 'error_class', 'wasted'] as const),
  ...(['usage_estimated', 'input_tokens', 'output_tokens', 'cached_input_tokens'] as const),
  ...(['cache_write_input_tokens', 'reasoning_tokens', 'cost_nano', 'waited_ms', 'ttft_ms', 'duration_ms'] as const),
  'ended_ms',
] as const;

/** An attempt as it is written. */
export function attemptRow(
  entry: AttemptEntry,
): Record<(typeof ATTEMPT_COLUMNS)[number], string | number | boolean | null> {
  const { job, project, key, at, late, attempt } = entry;
  const usage = attempt.usage ?? NO_USAGE;
  return {
    ...{ id: attempt.id, job_id: job, project, key, provider: attempt.provider, model: attempt.model },
    ...{ state: attempt.state, error_class: attempt.errorClass, wasted: late || attempt.state !== 'completed' },
    usage_estimated: attempt.usageEstimated,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    cache_write_input_tokens: usage.cacheWriteInputTokens,
    reasoning_tokens: usage.reasoningTokens,
    cost_nano: attempt.costNano,
    waited_ms: Math.round(attempt.waitedMs),
    ttft_ms: attempt.ttftMs === null ? null : Math.round(attempt.ttftMs),
    duration_ms: Math.round(attempt.durationMs),
    ended_ms: at,
  };
}
