import type { HttpErrorKind } from '#http/http-error.js';
import { readRetryAfterMs } from '#http/retry-after.js';
import type { HttpHead } from '#http/http-request.js';

/** What a try came to: the receiver has it, wants no more of them ever, or is asked again. The reason is a code, never its words. */
export type Verdict =
  | { kind: 'delivered'; status: number }
  | { kind: 'gone'; status: number }
  | { kind: 'failed'; status: number | null; reason: string; retryAfterMs: number | undefined; overloaded: boolean };

/** Judges by the status alone: what a receiver writes into its body says nothing. */
export function judgeAnswer({ status, headers }: HttpHead): Verdict {
  if (status >= 200 && status < 300) return { kind: 'delivered', status };
  if (status === 410) return { kind: 'gone', status };
  return {
    kind: 'failed',
    status,
    reason: status < 400 ? 'redirect' : `http_${status}`,
    retryAfterMs: readRetryAfterMs(headers),
    overloaded: [429, 502, 504].includes(status),
  };
}

/** The verdict on a try that brought no status, or was never sent. */
export function failedBecause(reason: HttpErrorKind | 'internal_error' | `secret_${string}`): Verdict {
  return { kind: 'failed', status: null, reason, retryAfterMs: undefined, overloaded: false };
}
