import type { Limits } from './registry-snapshot.js';

/** A limit of a key, by its name in the configuration. */
export type KeyRule = keyof Limits;

/** What one job counts against one rule of its key. */
export interface KeyCharge {
  rule: KeyRule;
  limit: number;
  /** Over how long the limit counts; null for the rule that counts unfinished jobs at once. */
  windowMs: number | null;
  cost: number;
}

/** How a rule of a key stands. */
export interface KeyLevel extends Omit<KeyCharge, 'cost'> {
  /** Whole units that could be taken at once. */
  remaining: number;
  /** Milliseconds until all of the limit is there again if nothing is taken; 0 for unfinished jobs, of which nobody knows. */
  fullInMs: number;
}

/** A job that was not made because of a limit of its key; nothing was charged. */
export interface KeyRefusal {
  /** The rule that has to be waited for longest. */
  charge: KeyCharge;
  /** When the same job would pass; an unfinished job may end at any time, so that for those it is a guess. */
  waitMs: number;
}
