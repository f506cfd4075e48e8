import { randomBytes } from 'node:crypto';
import { v7 } from 'uuid';

// Asking the system for 16 bytes costs as much as asking it for four thousand.
const POOL_BYTES = 4_096;
const ID_BYTES = 16;
let pool = randomBytes(POOL_BYTES);
let used = 0;

/** A new job id: `job_` and a UUIDv7 without dashes, so that ids sort by time and cannot be guessed (74 random bits). */
export function newJobId(nowMs: number = Date.now()): string {
  if (used === POOL_BYTES) {
    pool = randomBytes(POOL_BYTES);
    used = 0;
  }
  const random = pool.subarray(used, (used += ID_BYTES));
  return `job_${v7({ random, msecs: nowMs }).replaceAll('-', '')}`;
}

/** When a job id was made, in Unix milliseconds; it is the job's time of creation. */
export function timeOfJobId(id: string): number {
  return Number.parseInt(id.slice('job_'.length, 'job_'.length + 12), 16);
}

/** True for what `newJobId` can have made. */
export function isJobId(id: string): boolean {
  return /^job_[0-9a-f]{32}$/.test(id);
}
