import type { Request, Response } from 'express';
import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import type { NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import type { EndNotice } from '#jobs/notices.js';
import type { EndWaiter } from '#jobs/wait-for-end.js';
import type { AuthenticatedRequest } from '../auth/key.guard.js';
import { ClientGone, clientGone } from '../http/client-gone.js';
import { parsePrefer } from '../http/prefer.js';
import { showLimits } from '../http/rate-limit-headers.js';
import { idempotencyOf, parseIdempotencyKey } from '../jobs/idempotency.js';
import { errorOfJob } from '../jobs/job-error.js';
import type { Created, Delivery, JobSubmission } from '../jobs/job-submission.js';
import { jobView, urlsOf } from '#jobs/job-view.js';
import { answerHeaders } from './answer-headers.js';
import { parseOpenAiRequest, type OpenAiRequest } from './parse-openai-request.js';
import type { StreamedAnswer } from './streamed-answer.js';

/** A job's time to live when a client waits at the other end: the wait has a bound of its own, streams only this one. */
const SYNC_DEADLINE_MS = 24 * 3_600_000;

export interface SynchronousAnswerDeps {
  submission: JobSubmission;
  store: JobStore;
  waiter: EndWaiter;
  streamed: StreamedAnswer;
  syncTimeoutMs: number;
}

/** Answers OpenAI-shaped requests from the job path: each is a job that somebody waits for. */
export class SynchronousAnswer {
  constructor(private readonly deps: SynchronousAnswerDeps) {}

  /** Submits the body as a job of this kind and answers when it ends, piece by piece when a stream is asked for. */
  async answer(kind: CallKind, request: AuthenticatedRequest, response: Response): Promise<void> {
    const parsed = parseOpenAiRequest(kind, request.body);
    const key = parseIdempotencyKey(request.headers['idempotency-key']);
    const { principal } = request;
    const idempotency = idempotencyOf(key, { project: principal.project, route: kind, body: request.body as unknown });
    const delivery = deliveryOf(request, parsed);
    const replay = await this.deps.submission.findReplay(idempotency, principal);
    const job =
      replay === null
        ? await this.deps.submission.plan({
            ...parsed,
            principal,
            delivery,
            deadline: Date.now() + SYNC_DEADLINE_MS,
            notBefore: null,
            idempotency,
          })
        : null;
    if (delivery === 'later') await this.accept(job, replay, response);
    else if (delivery === 'stream') await this.deps.streamed.answer(parsed, { job, replay }, response);
    else await this.wait(job, replay, response);
  }

  private async accept(job: NewJob | null, replay: Created | null, response: Response): Promise<void> {
    const created = job ? await this.deps.submission.create(job) : replay;
    const record = created && (await this.deps.store.read(created.jobId));
    if (!created || !record) throw new TokenhubError('job_not_found');
    showLimits(response, created.levels);
    if (created.replayed) response.setHeader('idempotent-replayed', 'true');
    response.setHeader('preference-applied', 'respond-async');
    response.setHeader('location', urlsOf(record.id).self);
    response.setHeader('retry-after', '1');
    response.status(202).json(jobView(record));
  }

  private async wait(job: NewJob | null, replay: Created | null, response: Response): Promise<void> {
    const waiting = new AbortController();
    follow(clientGone(response), waiting);
    const wait = { timeoutMs: this.deps.syncTimeoutMs, signal: waiting.signal };
    let jobId = replay?.jobId ?? job?.id ?? '';
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
          response.setHeader('idempotent-replayed', 'true');
          ended = this.deps.waiter.waitForEnd(jobId, wait);
        }
      }
      await this.deliver(jobId, await ended, response);
    } catch (error) {
      // Nobody would ever tell of the end of a job that was refused.
      waiting.abort(error);
      if (!(error instanceof ClientGone)) throw error;
      // With an idempotency key the job goes on, and the retry joins it.
      if (job !== null && job.idempotency === null) await this.deps.store.cancel(jobId);
    }
  }

  private async deliver(jobId: string, notice: EndNotice | null, response: Response): Promise<void> {
    if (notice === null) throw await this.timedOut(jobId);
    const body = notice.body ?? (await this.bodyOf(jobId));
    if (notice.state !== 'completed') throw errorOfJob(jobId, JSON.parse(body) as PublicError);
    response.statusCode = 200;
    response.setHeader('content-type', 'application/json');
    for (const [name, value] of Object.entries(answerHeaders(jobId, notice))) response.setHeader(name, value);
    // Headers that are still open when the whole body comes leave with it, in one write and with its length.
    response.end(body);
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

  private async bodyOf(jobId: string): Promise<string> {
    const record = await this.deps.store.read(jobId);
    return record?.result ?? JSON.stringify(record?.error ?? null);
  }
}

/** Aborts the one with the other, at a twentieth of what `AbortSignal.any` costs. */
function follow(signal: AbortSignal, controller: AbortController): void {
  const abort = (): void => controller.abort(signal.reason);
  if (signal.aborted) abort();
  else signal.addEventListener('abort', abort, { once: true });
}

function deliveryOf(request: Request, parsed: OpenAiRequest): Delivery {
  if (parsePrefer(request.headers.prefer).respondAsync) return 'later';
  return parsed.stream ? 'stream' : 'answer';
}
