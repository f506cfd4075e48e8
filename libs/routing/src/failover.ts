import type { AttemptRecord, ErrorClass } from '#contracts/attempt.js';
import type { Candidate } from '#contracts/decision.js';
import type { Place } from '#contracts/live-views.js';
import type { Policy } from '#contracts/policy.js';

const TRIES_PER_CANDIDATE = 2;
const BACKOFF_MS = { least: 100, most: 500 };
/** Bounds of a provider's Retry-After, and what counts where it gave none. */
const WAIT_MS = { least: 250, most: 30_000, usual: 1_000 };
/** A call that waited in vain waits twice as long the next time, up to this. */
const LONGEST_BACKOFF_MS = 4_000;

/** What to do after a failed attempt; `index` is a place in the call's candidates. Waiting uses up no attempt. */
export type NextStep =
  | { kind: 'retry_same'; delayMs: number }
  | { kind: 'next'; index: number }
  | { kind: 'wait'; index: number; delayMs: number }
  | { kind: 'fail' };

export interface FailedAttempt {
  errorClass: ErrorClass;
  /** As the provider gave it. */
  retryAfterMs: number | null;
  /** How often this call has already waited for a rate limit. */
  rounds: number;
  candidates: readonly Place[];
  /** The candidate that failed. */
  index: number;
  /** The class of each candidate's last failure, null for one not tried yet (see `lastFailures`). */
  failures: readonly (ErrorClass | null)[];
  /** Billable tries on this candidate, the failed one included. */
  sameCandidateTries: number;
  /** Billable tries of the call (all but those answered by `rate_limited`), the failed one included. */
  billableAttempts: number;
  maxAttempts: number;
  onContentFilter: Policy['onContentFilter'];
  /** Undefined for a model that is no longer registered. */
  contextTokensOf: (model: string) => number | undefined;
  /** Whether something can be sent there at this moment. */
  isOpen: (place: Place) => boolean;
  /** Milliseconds until a place is expected to open; 0 for one that is, or of which nothing is known. */
  opensInMs: (place: Place) => number;
  /** True once a synchronous stream has sent content: its client cannot be given another answer. */
  committedToClient: boolean;
  /** Uniform in [0, 1). */
  random: () => number;
}

/**
 * Decides by the error's class what follows a failed attempt. A candidate that failed is not returned to, unless all it did
 * was to refuse for its rate limit: when nothing else is left, the first such one is waited for. Throws a RangeError for an
 * index that no candidate has.
 */
export function nextStep(failed: FailedAttempt): NextStep {
  const { model } = placeAt(failed, failed.index);
  if (failed.committedToClient || failed.billableAttempts >= failed.maxAttempts) return { kind: 'fail' };
  switch (failed.errorClass) {
    case 'transient':
      return retryOrMove(failed);
    case 'rate_limited':
    case 'provider_fault':
      return move(failed, () => true);
    case 'context_overflow': {
      const tooSmall = failed.contextTokensOf(model) ?? 0;
      return move(failed, (other) => (failed.contextTokensOf(other) ?? 0) > tooSmall);
    }
    case 'content_filtered':
      return failed.onContentFilter === 'next' ? move(failed, () => true) : { kind: 'fail' };
    case 'invalid_request':
      return { kind: 'fail' };
  }
}

/** The class of each candidate's last failed attempt, null where there is none: what `nextStep` takes as `failures`. */
export function lastFailures(
  candidates: readonly Pick<Candidate, 'model'>[],
  attempts: readonly Pick<AttemptRecord, 'model' | 'error'>[],
): (ErrorClass | null)[] {
  const last = new Map<string, ErrorClass>();
  for (const { model, error } of attempts) if (error?.class) last.set(model, error.class);
  return candidates.map(({ model }) => last.get(model) ?? null);
}

function retryOrMove(failed: FailedAttempt): NextStep {
  const triesLeft = failed.sameCandidateTries < TRIES_PER_CANDIDATE;
  // A second try on a provider that has just been marked down is wasted while another candidate is open.
  const open = isOpen(failed, failed.index) || firstOpen(failed, () => true) === null;
  if (!triesLeft || !open) return move(failed, () => true);
  return {
    kind: 'retry_same',
    delayMs: Math.round(BACKOFF_MS.least + failed.random() * (BACKOFF_MS.most - BACKOFF_MS.least)),
  };
}

/** The next open candidate, else a wait for one at its rate limit, else one that is closed for the moment, else the end. */
function move(failed: FailedAttempt, suits: (model: string) => boolean): NextStep {
  // What is closed may open; what has left the registry is not waited for.
  const fits = (model: string): boolean => failed.contextTokensOf(model) !== undefined && suits(model);
  const open = firstOpen(failed, fits);
  if (open !== null) return { kind: 'next', index: open };
  const limited = firstLimited(failed, fits);
  if (limited !== null) return { kind: 'wait', index: limited, delayMs: waitMs(failed, limited) };
  const closed = failed.candidates.findIndex(({ model }, place) => failureAt(failed, place) === null && fits(model));
  return closed >= 0 ? { kind: 'next', index: closed } : { kind: 'fail' };
}

/**
 * Looks behind the failed candidate first, then among those that an earlier hop skipped because they were closed. One that
 * refused for its rate limit counts as open again when it lies ahead, which it only does after a wait began anew.
 */
function firstOpen(failed: FailedAttempt, fits: (model: string) => boolean): number | null {
  const { candidates, index } = failed;
  for (let step = 1; step < candidates.length; step++) {
    const place = (index + step) % candidates.length;
    const failure = failureAt(failed, place);
    const untried = failure === null || (failure === 'rate_limited' && place > index);
    if (untried && isOpen(failed, place) && fits(placeAt(failed, place).model)) return place;
  }
  return null;
}

/** The first candidate at its rate limit, by preference one whose pool is open again. */
function firstLimited(failed: FailedAttempt, fits: (model: string) => boolean): number | null {
  let first: number | null = null;
  for (const [place, { model }] of failed.candidates.entries()) {
    if (failureAt(failed, place) !== 'rate_limited' || !fits(model)) continue;
    if (isOpen(failed, place)) return place;
    first ??= place;
  }
  return first;
}

function failureAt(failed: FailedAttempt, place: number): ErrorClass | null {
  return place === failed.index ? failed.errorClass : (failed.failures[place] ?? null);
}

function isOpen(failed: FailedAttempt, place: number): boolean {
  return failed.isOpen(placeAt(failed, place));
}

function placeAt(failed: FailedAttempt, place: number): Place {
  const candidate = failed.candidates[place];
  if (!candidate) throw new RangeError(`candidate ${place} of ${failed.candidates.length} does not exist`);
  return candidate;
}

/** Never shorter than what the provider asked for. */
function waitMs({ retryAfterMs, rounds, opensInMs, random, candidates }: FailedAttempt, index: number): number {
  const place = candidates[index];
  const asked = Math.max(retryAfterMs ?? WAIT_MS.usual, place ? opensInMs(place) : 0);
  const backoff = rounds === 0 ? 0 : Math.min(WAIT_MS.usual * 2 ** rounds, LONGEST_BACKOFF_MS);
  return Math.round(bounded(bounded(Math.max(asked, backoff)) * (1 + random() * 0.2)));
}

function bounded(ms: number): number {
  return Math.min(Math.max(ms, WAIT_MS.least), WAIT_MS.most);
}
