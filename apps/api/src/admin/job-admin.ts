import type { AuditLog, DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Principal } from '#contracts/scopes.js';
import type { KeptJobs } from '#history/kept-jobs.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { cancelJob, requireErased } from '../jobs/end-job.js';
import { jobNotFound } from '../jobs/job-access.js';
import { isJobId } from '../jobs/job-id.js';
import type { JobSubmission } from '../jobs/job-submission.js';

export interface JobAdminDeps {
  jobs: Pick<KeptJobs, 'read' | 'erase'>;
  store: Pick<JobStore, 'cancel'>;
  submission: Pick<JobSubmission, 'planRetry' | 'create'>;
  /** What a key may do and spend at this moment; null once it or its project is gone. */
  ownerOf: (project: string, key: string) => Principal | null;
  audit: AuditLog;
}

/** Everybody's jobs, as an administrator handles them: as their owners would, and they stay their owners'. */
export class JobAdmin {
  constructor(private readonly deps: JobAdminDeps) {}

  /** Throws `job_not_found`. */
  async read(id: string): Promise<JobRecord> {
    const record = isJobId(id) ? await this.deps.jobs.read(id) : null;
    if (record === null) throw jobNotFound(id);
    return record;
  }

  /** Throws `job_finished`. */
  async cancel(id: string, by: DoneBy): Promise<JobRecord> {
    const record = await this.read(id);
    const stateNow = async (): Promise<JobRecord['state']> => (await this.read(id)).state;
    await this.audited({ action: 'job.cancelled' }, record, by, () =>
      cancelJob(id, { store: this.deps.store, stateNow }),
    );
    return this.read(id);
  }

  /** A new job of the same owner, within what its key may do and spend now. Throws `job_not_retryable`. */
  async retry(id: string, by: DoneBy): Promise<JobRecord> {
    const { submission, ownerOf } = this.deps;
    const record = await this.read(id);
    const owner = ownerOf(record.project, record.key);
    if (owner === null) {
      const gone = `Its key ${record.key} is no more: the new job would be nobody's.`;
      throw new TokenhubError('job_not_retryable', gone, { shouldRetry: false });
    }
    // Planned before it is noted: so the audit can name it.
    const job = await submission.planRetry(record, owner);
    const after = { job: job.id, project: job.project, key: job.key };
    await this.audited({ action: 'job.retried', after }, record, by, () => submission.create(job));
    return this.read(job.id);
  }

  /** Erases a finished job wherever it is kept. Throws `job_unfinished`. */
  async erase(id: string, by: DoneBy): Promise<void> {
    const record = await this.read(id);
    await this.audited({ action: 'job.deleted' }, record, by, async () =>
      requireErased(await this.deps.jobs.erase(id, record.project), id),
    );
  }

  /** Whose job it is and how it stood: nothing of what was asked or answered. */
  private audited<T>(
    { action, after = null }: { action: string; after?: object | null },
    { id, state, project, key }: JobRecord,
    by: DoneBy,
    effect: () => Promise<T>,
  ): Promise<T> {
    const entry = { ...by, action, target: id, before: { state, project, key }, after };
    return this.deps.audit.around(entry, effect);
  }
}
