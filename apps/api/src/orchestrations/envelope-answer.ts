import type { Response } from 'express';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { JobStore } from '#jobs/job-store.js';
import type { AuthenticatedRequest } from '../auth/key.guard.js';
import { parsePrefer } from '../http/prefer.js';
import type { SynchronousJob } from '../jobs/synchronous-job.js';
import { answerHeaders } from '../openai/answer-headers.js';
import type { Finished } from './envelope-view.js';
import type { EnvelopeWork } from './parse-envelope.js';

export interface EnvelopeAnswerDeps {
  jobs: SynchronousJob;
  store: Pick<JobStore, 'read'>;
}

/** Answers the calls of the original product from the job path, in envelopes of their own. */
export class EnvelopeAnswer {
  constructor(private readonly deps: EnvelopeAnswerDeps) {}

  /** Submits the work as a job and answers with its view when it ends, or at once with the job itself when the client prefers that. */
  async answer(
    request: AuthenticatedRequest,
    response: Response,
    how: { work: EnvelopeWork; route: string; view: (finished: Finished) => object },
  ): Promise<void> {
    const { jobs, store } = this.deps;
    const { work, route, view } = how;
    const later = parsePrefer(request.headers.prefer).respondAsync;
    const opened = await jobs.open(request, work, { route, delivery: later ? 'later' : 'answer' });
    if (later) return jobs.accept(opened, response);
    const completed = await jobs.complete(opened, response);
    if (completed === null) return;
    const record = await store.read(completed.id);
    if (record === null) throw new TokenhubError('job_not_found', 'The job is gone.');
    for (const [name, value] of Object.entries(answerHeaders(completed.id, completed.notice))) {
      response.setHeader(name, value);
    }
    response.status(200).json(view({ completed, record, includeDecision: work.includeDecision }));
  }
}
