import type { Queue } from 'bullmq';

/** The queue whose scheduler makes reconciler passes. */
export const RECONCILER = 'reconciler';

export type PeriodicQueue = Queue;
