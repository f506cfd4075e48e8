import type { Response } from 'express';
import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobType } from '#contracts/job-state.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { jobView, urlsOf } from '#jobs/job-view.js';
import type { EndNotice } from '#jobs/notices.js';
import type { EndWaiter } from '#jobs/wait-for-end.js';
import type { AuthenticatedRequest } from '../auth/key.guard.js';
import { ClientGone, clientGone } from '../http/client-gone.js';
import { showLimits } from '../http/rate-limit-headers.js';
import { idempotencyOf, parseIdempotencyKey } from './idempotency.js';
import { errorOfJob } from './job-error.js';
import type { Created, JobSubmission } from './job-submission.js';
import type { Delivery, SubmitRequest } from './submit-request.js';

/** A job's time to live when a client waits at the other end: the wait has a bound of its own, streams only this one. */
const SYNC_DEADLINE_MS = 24 * 3_600_000;

export interface SynchronousJobDeps {
  submission: JobSubmission;
  store: JobStore;
  jobs: Pick<JobStore, 'read'>;
  waiter: EndWaiter;
  syncTimeoutMs: number;
}

export type SynchronousWork = Pick<SubmitRequest, 'kind' | 'body' | 'policy' | 'metadata' | 'orchestration' | 'output'>;

/** A planned job, or the one that an idempotency key already stands for. */
export interface OpenedJob {
  job: NewJob | null;
  replay: Created | null;
}

export interface CompletedJob {
  id: string;
  type: JobType;
  notice: EndNotice;
  /** Its result, as JSON text. */
  result: string;
}

/** A job that somebody waits for at the other end of a connection. */
export class SynchronousJob {
  constructor(private readonly deps: SynchronousJobDeps) {}

  /** Plans the job, unless the request's idempotency key stands for one on this route; writes nothing. */
  async open(
    request: AuthenticatedRequest,
    work: SynchronousWork,
    { route, delivery }: { route: string; delivery: Delivery },
  ): Promise<OpenedJob> {
    const { principal } = request;
    const key = parseIdempotencyKey(request.headers['idempotency-key']);
    const idempotency = idempotencyOf(key, { project: principal.project, route, body: request.body as unknown });
    const replay = await this.deps.submission.findReplay(idempotency, principal);
    if (replay) return { job: null, replay };
    const deadline = Date.now() + SYNC_DEADLINE_MS;
    const job = await this.deps.submission.plan({
      ...work,
      principal,
      delivery,
      deadline,
      notBefore: null,
      idempotency,
    });
    return { job, replay: null };
  }

  /** Creates the job and answers 202 with it: the client did not want to wait. */
  async accept({ job, replay }: OpenedJob, response: Response): Promise<void> {
    const created = job ? await this.deps.submission.create(job) : replay;
    const record = created && (await this.deps.jobs.read(created.jobId));
    if (!created || !record) throw new TokenhubError('job_not_found');
    showLimits(response, created.levels);
    if (created.replayed) response.setHeader('idempotent-replayed', 'true');
    response.setHeader('preference-applied', 'respond-async');
    response.setHeader('location', urlsOf(record.id).self);
    response.setHeader('retry-after', '1');
    response.status(202).json(jobView(record));
  }

  /**
   * Creates the job and waits for its end. Throws the error that it ends with, and `sync_timeout`; resolves with null when the
   * client has gone and there is nobody left to answer.
   */
  async complete({ job, replay }: OpenedJob, response: Response): Promise<CompletedJob | null> {
    const waiting = new AbortController();
    follow(clientGone(response), waiting);
    const wait = { timeoutMs: this.deps.syncTimeoutMs, signal: waiting.signal };
    let jobId = replay?.jobId ?? job?.id ?? '';
    let type = job?.type ?? null;
    try {
      let ended: Promise<EndNotice | null>;
      if (job === null) {
        showLimits(response, replay?.levels ?? []);
        response.setHeader('idempotent-replayed', 'true');
        ended = this.deps.waiter.waitForEnd(jobId, wait);
      } else {
        // Listening before the job exists: its end cannot be missed.
        ended = this.deps.waiter.expectEnd(jobId, wait);
        ended.catch(() => undefined);
        const created = await this.deps.submission.create(job);
        showLimits(response, created.levels);
        if (created.replayed) {
          jobId = created.jobId;
          type = null;
          response.setHeader('idempotent-replayed', 'true');
          ended = this.deps.waiter.waitForEnd(jobId, wait);
        }
      }
      return await this.completed({ id: jobId, type }, await ended);
    } catch (error) {
      // Nobody would ever tell of the end of a job that was refused.
      waiting.abort(error);
      if (!(error instanceof ClientGone)) throw error;
      // With an idempotency key the job goes on, and the retry joins it.
      if (job !== null && job.idempotency === null) await this.deps.store.cancel(jobId);
      return null;
    }
  }

  /** `type` is null for a job that somebody else has made. */
  private async completed(
    { id, type }: { id: string; type: JobType | null },
    notice: EndNotice | null,
  ): Promise<CompletedJob> {
    if (notice === null) throw await this.timedOut(id);
    const record = notice.body === null || type === null ? await this.deps.jobs.read(id) : null;
    const body = notice.body ?? record?.result ?? JSON.stringify(record?.error ?? null);
    if (notice.state !== 'completed') throw errorOfJob(id, JSON.parse(body) as PublicError);
    const known = type ?? record?.type;
    if (known === undefined) throw new TokenhubError('job_not_found', 'The job is gone.');
    return { id, type: known, notice, result: body };
  }

  /** The wait is over, the job is not: without a key nobody can join it, so it is cancelled. */
  private async timedOut(jobId: string): Promise<TokenhubError> {
    const kept = await this.deps.store.isKept(jobId);
    if (!kept) await this.deps.store.cancel(jobId);
    const seconds = Math.round(this.deps.syncTimeoutMs / 1_000);
    const fate = kept
      ? 'It goes on: ask again with the same Idempotency-Key'
      : 'It was cancelled: post it as a job to wait longer';
    return new TokenhubError('sync_timeout', `Job ${jobId} took longer than ${seconds} s. ${fate}.`, {
      shouldRetry: false,
      headers: { 'x-tokenhub-job-id': jobId },
      extensions: { job_id: jobId },
    });
  }
}

/** Aborts the one with the other, at a twentieth of what `AbortSignal.any` costs. */
function follow(signal: AbortSignal, controller: AbortController): void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
}
