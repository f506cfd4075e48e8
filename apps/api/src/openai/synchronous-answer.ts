import type { Request, Response } from 'express';
import type { CallKind } from '#contracts/job-state.js';
import type { AuthenticatedRequest } from '../auth/key.guard.js';
import { parsePrefer } from '../http/prefer.js';
import type { Delivery } from '../jobs/submit-request.js';
import { responseBodyOf } from '../jobs/response-body.js';
import type { CompletedJob, SynchronousJob } from '../jobs/synchronous-job.js';
import { answerHeaders } from './answer-headers.js';
import { parseOpenAiRequest, type OpenAiRequest } from './parse-openai-request.js';
import type { StreamedAnswer } from './streamed-answer.js';

export interface SynchronousAnswerDeps {
  jobs: SynchronousJob;
  streamed: StreamedAnswer;
}

/** Answers OpenAI-shaped requests from the job path: each is a job that somebody waits for. */
export class SynchronousAnswer {
  constructor(private readonly deps: SynchronousAnswerDeps) {}

  /** Submits the body as a job of this kind and answers when it ends, piece by piece when a stream is asked for. */
  async answer(kind: CallKind, request: AuthenticatedRequest, response: Response): Promise<void> {
    const { jobs, streamed } = this.deps;
    const parsed = parseOpenAiRequest(kind, request.body, request.principal.policy);
    const delivery = deliveryOf(request, parsed);
    const opened = await jobs.open(request, parsed, { route: kind, delivery });
    if (delivery === 'later') await jobs.accept(opened, response);
    else if (delivery === 'stream') await streamed.answer(parsed, opened, response);
    else {
      const completed = await jobs.complete(opened, response);
      if (completed) deliver(completed, response);
    }
  }
}

function deliver({ id, type, notice, result }: CompletedJob, response: Response): void {
  response.statusCode = 200;
  response.setHeader('content-type', 'application/json');
  for (const [name, value] of Object.entries(answerHeaders(id, notice))) response.setHeader(name, value);
  // Headers that are still open when the whole body comes leave with it, in one write and with its length.
  response.end(responseBodyOf(type, result));
}

function deliveryOf(request: Request, parsed: OpenAiRequest): Delivery {
  if (parsePrefer(request.headers.prefer).respondAsync) return 'later';
  return parsed.stream ? 'stream' : 'answer';
}
