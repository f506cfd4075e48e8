import { nanoToUsd } from '#contracts/money.js';
import type { ExportedAttempt } from '#history/attempt-export.js';
import { ATTEMPT_COLUMNS } from '#history/attempt-row.js';
import type { UsageSum } from '#history/usage-report.js';

/** The sums of one group as the administrator sees them; `cost_nano` is exact, `cost_usd` for people. */
export function usageView(sum: UsageSum): Record<string, unknown> {
  return {
    ...sum.group,
    attempts: sum.attempts,
    wasted_attempts: sum.wastedAttempts,
    input_tokens: sum.inputTokens,
    output_tokens: sum.outputTokens,
    cached_input_tokens: sum.cachedInputTokens,
    cache_write_input_tokens: sum.cacheWriteInputTokens,
    reasoning_tokens: sum.reasoningTokens,
    cost_usd: nanoToUsd(sum.costNano),
    cost_nano: sum.costNano,
    wasted_cost_usd: nanoToUsd(sum.wastedCostNano),
    mean_duration_ms: Math.round(sum.durationMs / sum.attempts),
  };
}

/** One JSON object a line. */
export function jsonLines(attempts: readonly ExportedAttempt[]): string {
  return attempts.map((attempt) => `${JSON.stringify(attempt)}\n`).join('');
}

/** RFC 4180, with a line of names at the head of the first page. */
export function csvLines(attempts: readonly ExportedAttempt[], { head }: { head: boolean }): string {
  const lines = attempts.map((attempt) => ATTEMPT_COLUMNS.map((column) => csvField(attempt[column])).join(','));
  return [...(head ? [ATTEMPT_COLUMNS.join(',')] : []), ...lines].map((line) => `${line}\r\n`).join('');
}

/** Quoted also where a spreadsheet would read a formula. */
function csvField(value: string | number | boolean | null): string {
  if (value === null) return '';
  const text = String(value);
  if (typeof value === 'string' && /^[=+\-@\t\r]/.test(text)) return `"'${text.replaceAll('"', '""')}"`;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
