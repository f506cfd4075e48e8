/**
 * The reason for which a choice ended, or null when it has not ended well. OpenAI's reasons and those that compatible
 * servers add go through unchanged; only the ones that report a failure in place of an error are no end.
 */
export function toFinishReason(value: unknown): string | null {
  return typeof value === 'string' && value !== '' && !FAILURES.has(value) ? value : null;
}

/** vLLM says `abort` when it drops a request and `error` when its engine fails; OpenRouter says `error`. */
const FAILURES: ReadonlySet<string> = new Set(['abort', 'error']);
