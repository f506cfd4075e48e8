import type { JobState, JobType } from '#contracts/job-state.js';
import type { JobRecord } from './job-record.js';

/** Which jobs; what is absent does not matter. */
export interface JobFilter {
  state?: JobState;
  type?: JobType;
  /** That answered. */
  model?: string;
  key?: string;
  /** Created at this moment or later. */
  createdFrom?: number;
  /** Created earlier than this moment. */
  createdBefore?: number;
  /** Pairs that it must have, among others. */
  metadata?: Record<string, string>;
}

/** True when a job passes the filter. */
export function passesFilter(record: JobRecord, filter: JobFilter): boolean {
  const { state, type, model, key, createdFrom = -Infinity, createdBefore = Infinity, metadata = {} } = filter;
  return (
    (state === undefined || record.state === state) &&
    (type === undefined || record.type === type) &&
    (model === undefined || record.model === model) &&
    (key === undefined || record.key === key) &&
    record.createdAt >= createdFrom &&
    record.createdAt < createdBefore &&
    Object.entries(metadata).every(([name, value]) => record.metadata[name] === value)
  );
}
