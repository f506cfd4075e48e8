import type { WorkerOptions } from 'bullmq';

/**
 * What all workers have in common. One that dies is noticed by its locks: these two give recovery within 14 s (measured with bullmq
 * 6.7; 10 s and 5 s gave up to 17 s). What stalls is simply taken again: BullMQ would otherwise fail what stalled twice, and where too
 * many deaths are to end something, a count of our own does. No skipVersionCheck: BullMQ then takes any server for Redis 5 and rounds
 * each delay up to a whole second.
 */
export const TAKEN_AGAIN = {
  lockDuration: 8_000,
  stalledInterval: 3_000,
  maxStalledCount: 1_000_000,
  removeOnComplete: { count: 0 },
  removeOnFail: { count: 100 },
  runRetryDelay: 500,
} satisfies Partial<WorkerOptions>;
