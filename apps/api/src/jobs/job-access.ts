import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobState } from '#contracts/job-state.js';
import { attemptId } from '#contracts/queue-payloads.js';
import type { Principal } from '#contracts/scopes.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { FindOptions } from '#jobs/job-finder.js';
import type { JobPage } from '#jobs/job-page.js';
import type { DeleteOutcome } from '#jobs/job-store.js';
import type { KeptJobs } from '#history/kept-jobs.js';
import type { LiveViewsSource } from '#health/live-views-source.js';
import type { PoolLoads } from '#limits/pool-loads.js';
import { isJobId } from './job-id.js';
import { jobView } from '#jobs/job-view.js';
import { temporaryReasonOf } from '#routing/temporary-reason.js';

/** Finds jobs for a key: what belongs to another project does not exist, and throws `job_not_found`. */
export class JobAccess {
  constructor(
    private readonly jobs: KeptJobs,
    private readonly loads: PoolLoads,
    private readonly views: Pick<LiveViewsSource, 'views'>,
  ) {}

  /** The whole record. */
  async read(principal: Principal, jobId: string): Promise<JobRecord> {
    const record = isJobId(jobId) ? await this.jobs.read(jobId) : null;
    if (record?.project !== principal.project) throw jobNotFound(jobId);
    return record;
  }

  /** Only that it exists, and its state. */
  async look(principal: Principal, jobId: string): Promise<JobState> {
    const found = isJobId(jobId) ? await this.jobs.look(jobId) : null;
    if (found?.project !== principal.project) throw jobNotFound(jobId);
    return found.state;
  }

  /** Its project's jobs, newest first. */
  async list(principal: Principal, options: FindOptions): Promise<JobPage> {
    return this.jobs.list(principal.project, options);
  }

  /** Erases a finished job wherever it is kept. */
  async erase(principal: Principal, jobId: string): Promise<DeleteOutcome> {
    return this.jobs.erase(jobId, principal.project);
  }

  /** The job as its owner sees it; a queued one with its place in the queue, and with what closes the place that it waits for. */
  async view(record: JobRecord): Promise<Record<string, unknown>> {
    const { state, waiting } = record;
    if (waiting === null) return jobView(record);
    const id = attemptId(waiting.callId, waiting.attempt);
    const place = state === 'queued' ? await this.loads.placeOf(waiting.pool, id) : null;
    return jobView(record, place, temporaryReasonOf(waiting, this.views.views));
  }
}

/** The answer for a job that does not exist for this key. */
export function jobNotFound(jobId: string): TokenhubError {
  const shown = jobId.length > 64 ? `${jobId.slice(0, 64)}…` : jobId;
  return new TokenhubError('job_not_found', `There is no job ${shown}.`);
}
