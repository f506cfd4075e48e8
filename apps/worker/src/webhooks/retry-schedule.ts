/** Milliseconds before each try, counted from the one before: at once, 5 s, 5 min, 30 min, 2 h, 5 h, 10 h. */
const BEFORE_TRY_MS = [0, 5_000, 300_000, 1_800_000, 7_200_000, 18_000_000, 36_000_000];

/** How often a delivery is tried before it is given up. */
export const MOST_TRIES = BEFORE_TRY_MS.length;

/** Either way, so that receivers that come back are not met by everybody at once. */
const JITTER = 0.1;

/** A receiver that says it is overloaded is left alone for at least this long. */
const OVERLOADED_MS = 60_000;

/** What a receiver may ask for with `Retry-After`; the whole schedule so stays within the day for which a job is kept. */
const LONGEST_ASKED_MS = 3_600_000;

export interface FailedTry {
  /** 1 for the first. */
  attempt: number;
  /** What the receiver asked for, if it did. */
  retryAfterMs?: number | undefined;
  /** It answered 429, 502 or 504. */
  overloaded?: boolean;
}

/** How long after a failed try the next may start; `random` is in [0, 1). */
export function delayAfter({ attempt, retryAfterMs = 0, overloaded = false }: FailedTry, random: number): number {
  const scheduled = BEFORE_TRY_MS[Math.min(attempt, MOST_TRIES - 1)] ?? 0;
  const jittered = scheduled * (1 - JITTER + 2 * JITTER * random);
  const asked = Math.min(retryAfterMs, LONGEST_ASKED_MS);
  return Math.round(Math.max(jittered, asked, overloaded ? OVERLOADED_MS : 0));
}
