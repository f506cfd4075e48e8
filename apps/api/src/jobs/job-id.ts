import { v7 } from 'uuid';

/** A new job id: `job_` and a UUIDv7 without dashes, so that ids sort by time and cannot be guessed (74 random bits). */
export function newJobId(): string {
  return `job_${v7().replaceAll('-', '')}`;
}

/** True for what `newJobId` can have made. */
export function isJobId(id: string): boolean {
  return /^job_[0-9a-f]{32}$/.test(id);
}
