import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobState } from '#contracts/job-state.js';
import type { Principal } from '#contracts/scopes.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { isJobId } from './job-id.js';

/** Finds jobs for a key: what belongs to another project does not exist. Every method throws `job_not_found` then. */
export class JobAccess {
  constructor(private readonly store: JobStore) {}

  /** The whole record. */
  async read(principal: Principal, jobId: string): Promise<JobRecord> {
    const record = isJobId(jobId) ? await this.store.read(jobId) : null;
    if (record?.project !== principal.project) throw jobNotFound(jobId);
    return record;
  }

  /** Only that it exists, and its state. */
  async look(principal: Principal, jobId: string): Promise<JobState> {
    const found = isJobId(jobId) ? await this.store.look(jobId) : null;
    if (found?.project !== principal.project) throw jobNotFound(jobId);
    return found.state;
  }
}

/** The answer for a job that does not exist for this key. */
export function jobNotFound(jobId: string): TokenhubError {
  const shown = jobId.length > 64 ? `${jobId.slice(0, 64)}…` : jobId;
  return new TokenhubError('job_not_found', `There is no job ${shown}.`);
}
