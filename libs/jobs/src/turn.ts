import type { Priority } from '#contracts/job-state.js';

/** How much more often a class is served than `low`. */
const CLASS_WEIGHTS: Record<Priority, number> = { high: 16, normal: 4, low: 1 };

/** A job of the highest class and one share takes one step of a pool's virtual time. */
const STEP = 16;

/**
 * How far in a pool's virtual time a job comes behind the one before it of the same key and class (start-time fair queueing: Goyal, Vin
 * and Cheng, 1996): the larger the key's share and the higher the class, the less.
 */
export function turnStep(priority: Priority, share: number): number {
  return STEP / (share * CLASS_WEIGHTS[priority]);
}
