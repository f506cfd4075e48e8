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
  const notBefore = requested.not_before == null ? null : Date.parse(requested.not_before);
  if (requested.deadline != null && requested.timeout_ms != null) {
    throw new TokenhubError('invalid_request', 'Give either timeout_ms or deadline, not both.', { param: 'deadline' });
  }
  const start = Math.max(now, notBefore ?? now);
  const deadline =
    requested.deadline == null ? start + (requested.timeout_ms ?? DEFAULT_TIMEOUT_MS) : Date.parse(requested.deadline);
  if (deadline <= now) {
    throw new TokenhubError('deadline_in_past', 'The deadline has already passed.', { param: 'deadline' });
  }
  if (notBefore !== null && deadline <= notBefore) {
    throw new TokenhubError('invalid_value', 'The deadline is not after not_before.', { param: 'deadline' });
  }
  return { deadline, notBefore };
}
