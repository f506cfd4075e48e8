import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobState } from '#contracts/job-state.js';
import type { DeleteOutcome, JobStore } from '#jobs/job-store.js';
import { jobNotFound } from './job-access.js';

/** Cancels an unfinished job; throws `job_finished` for any other. `stateNow` is asked only then. */
export async function cancelJob(
  jobId: string,
  { store, stateNow }: { store: Pick<JobStore, 'cancel'>; stateNow: () => Promise<JobState> },
): Promise<void> {
  switch (await store.cancel(jobId)) {
    case 'missing':
    case 'finished':
      throw new TokenhubError('job_finished', `The job is already ${await stateNow()}.`, { shouldRetry: false });
    case 'cancelled':
    case 'requested':
      return;
  }
}

/** Throws `job_not_found` or `job_unfinished` unless the job was erased. */
export function requireErased(outcome: DeleteOutcome, jobId: string): void {
  switch (outcome) {
    case 'missing':
      throw jobNotFound(jobId);
    case 'unfinished':
      throw new TokenhubError('job_unfinished', 'Cancel the job first: an unfinished job cannot be deleted.', {
        shouldRetry: false,
      });
    case 'deleted':
      return;
  }
}
