/**
 * The rate limit of a pool's queue while nothing is to be held back: far more than any pool starts. BullMQ looks at the limit at
 * all, by which pools are held back and paused, only where one is set.
 */
export const OPEN_RATE = { max: 1_000_000, durationMs: 1_000 };
