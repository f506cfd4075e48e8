import type { Response } from 'express';
import type { PublicError } from '#contracts/attempt.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobEvent } from '#contracts/job-event.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { OutputDelta } from '#contracts/output-delta.js';
import type { EventReader } from '#jobs/event-reader.js';
import type { JobStore } from '#jobs/job-store.js';
import { ClientGone, clientGone } from '../http/client-gone.js';
import { showLimits } from '../http/rate-limit-headers.js';
import { errorOfJob } from '../jobs/job-error.js';
import type { JobSubmission } from '../jobs/job-submission.js';
import { responseBodyOf } from '../jobs/response-body.js';
import type { OpenedJob } from '../jobs/synchronous-job.js';
import { ChunkStream, type StartedAttempt } from './chunk-stream.js';
import type { OpenAiRequest } from './parse-openai-request.js';

export interface StreamedAnswerDeps {
  submission: JobSubmission;
  store: JobStore;
  jobs: Pick<JobStore, 'read'>;
  events: EventReader;
}

/** Answers a request as OpenAI's stream of chunks, made from the job's events. */
export class StreamedAnswer {
  constructor(private readonly deps: StreamedAnswerDeps) {}

  /**
   * Streams a new job, or joins the one that an idempotency key stands for. What fails before the first content is thrown
   * and answered with its HTTP status; what fails later is the stream's last event.
   */
  async answer(request: OpenAiRequest, source: OpenedJob, response: Response): Promise<void> {
    const gone = clientGone(response);
    const answered = new AbortController();
    const { job } = source;
    // Reading starts before the job exists, so that no event is missed. When it then is not created, the reader waits for
    // an event that never comes, and only its signal ends it.
    const signal = AbortSignal.any([gone, answered.signal]);
    const exists = Promise.withResolvers<undefined>();
    const expected = job && this.deps.events.read(job.id, { after: 0, signal, created: exists.promise });
    let events = expected;
    let first = expected?.next();
    first?.catch(() => undefined);
    let jobId = source.replay?.jobId ?? job?.id ?? '';
    let chunks: ChunkStream | null = null;
    try {
      const created = job ? await this.deps.submission.create(job) : source.replay;
      showLimits(response, created?.levels ?? []);
      exists.resolve(undefined);
      if (created?.replayed) {
        jobId = created.jobId;
        response.setHeader('idempotent-replayed', 'true');
        events = this.deps.events.read(jobId, { after: 0, signal: gone });
        first = events.next();
      }
      chunks = new ChunkStream(response, { jobId, request, signal: gone });
      for (let next = await first; next && !next.done; next = await events?.next()) {
        if (await this.relay(next.value, jobId, chunks)) return;
      }
      throw new TokenhubError('job_not_found', 'The job is gone.');
    } catch (error) {
      if (!(error instanceof ClientGone)) throw error;
      if (job !== null && job.idempotency === null) await this.deps.store.cancel(jobId);
    } finally {
      chunks?.stop();
      answered.abort();
      // A reader that looks whether the job exists must not wait for one that was never created.
      exists.resolve(undefined);
      await Promise.all([events?.return(), expected?.return()]);
    }
  }

  /** Passes one event on; true when it was the last. */
  private async relay(event: JobEvent, jobId: string, chunks: ChunkStream): Promise<boolean> {
    switch (event.type) {
      case 'attempt.started':
        chunks.attemptStarted(JSON.parse(event.data) as StartedAttempt);
        return false;
      case 'output.delta':
        await chunks.write(JSON.parse(event.data) as OutputDelta);
        return false;
      case 'output.reset':
        if (!chunks.opened) return false;
        chunks.fail(new TokenhubError('stream_interrupted', 'The attempt that was streamed so far has failed.'));
        return true;
      case 'job.completed':
        await chunks.finish(await this.usageOf(jobId));
        return true;
      case 'job.failed':
      case 'job.cancelled':
      case 'job.expired':
        chunks.fail(errorOfJob(jobId, await this.errorOf(jobId)));
        return true;
      case 'job.queued':
      case 'job.started':
      case 'attempt.failed':
      case 'step.started':
      case 'step.completed':
      case 'step.failed':
        return false;
    }
  }

  /** As the provider reported it, else as we counted it. */
  private async usageOf(jobId: string): Promise<JsonObject | null> {
    const record = await this.deps.jobs.read(jobId);
    if (!record?.result) return null;
    const body: unknown = JSON.parse(responseBodyOf(record.type, record.result));
    if (isJsonObject(body) && isJsonObject(body.usage)) return body.usage;
    const { inputTokens, outputTokens } = record.usage;
    return { prompt_tokens: inputTokens, completion_tokens: outputTokens, total_tokens: inputTokens + outputTokens };
  }

  private async errorOf(jobId: string): Promise<PublicError> {
    const error = (await this.deps.jobs.read(jobId))?.error;
    return error ?? { code: 'internal_error', message: 'The job has no error.', class: null, providerStatus: null };
  }
}
