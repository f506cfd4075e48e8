import { TokenhubError } from '#contracts/error-catalogue.js';

const DEFAULT_TIMEOUT_MS = 24 * 3_600_000;

export interface RequestedTimes {
  timeout_ms?: number | null;
  deadline?: string | null;
  not_before?: string | null;
}

/**
 * When a job may start and must have ended, in Unix milliseconds. Throws for `timeout_ms` together with `deadline`, and for
 * a deadline that has passed or lies before `not_before`.
 */
export function jobTimes(requested: RequestedTimes, now: number): { deadline: number; notBefore: number | null } {
  const notBefore = requested.not_before == null ? null : parseTime('not_before', requested.not_before);
  if (requested.deadline != null && requested.timeout_ms != null) {
    throw new TokenhubError('invalid_request', 'Give either timeout_ms or deadline, not both.', { param: 'deadline' });
  }
  const start = Math.max(now, notBefore ?? now);
  const deadline =
    requested.deadline == null
      ? start + (requested.timeout_ms ?? DEFAULT_TIMEOUT_MS)
      : parseTime('deadline', requested.deadline);
  if (deadline <= now) {
    throw new TokenhubError('deadline_in_past', 'The deadline has already passed.', { param: 'deadline' });
  }
  if (notBefore !== null && deadline <= notBefore) {
    throw new TokenhubError('invalid_value', 'The deadline is not after not_before.', { param: 'deadline' });
  }
  return { deadline, notBefore };
}

/** ISO 8601 also has weeks, ordinal days and times without separators, which `Date` does not read. */
function parseTime(param: 'deadline' | 'not_before', text: string): number {
  const time = Date.parse(text);
  if (!Number.isNaN(time)) return time;
  throw new TokenhubError('invalid_value', `${param} must be a time such as 2030-01-31T12:00:00Z.`, { param });
}
