/** A duration as Go prints it, and OpenAI with it: `0s`, `12ms`, `1.5s`, `6m0s`, `1h0m0s`. */
export function goDuration(ms: number): string {
  if (ms === 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = `${(ms % 60_000) / 1000}s`;
  if (minutes === 0) return seconds;
  return minutes < 60 ? `${minutes}m${seconds}` : `${Math.floor(minutes / 60)}h${minutes % 60}m${seconds}`;
}

/** RFC 3339 to the second, rounded up so that it never promises too much. */
export function wholeSecond(atMs: number): string {
  return new Date(Math.ceil(atMs / 1000) * 1000).toISOString().replace('.000Z', 'Z');
}

/** The header that says when to come back, in whole seconds; none where nobody knows. */
export function retryAfter(waitMs: number | null): Record<string, string> {
  return waitMs === null ? {} : { 'retry-after': String(Math.ceil(waitMs / 1000)) };
}
