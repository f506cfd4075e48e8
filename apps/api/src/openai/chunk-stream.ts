import type { Response } from 'express';
import type { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { ChoiceDelta, OutputDelta } from '#contracts/output-delta.js';
import { openAiError } from '../http/error-response.js';
import { EventStream } from '../jobs/event-stream.js';
import { headerText } from './answer-headers.js';
import type { OpenAiRequest } from './parse-openai-request.js';

/** Without content by then, the headers go out and keep-alive comments follow. */
const HEADERS_AFTER_MS = 15_000;

/** What an `attempt.started` event tells; `step` only in an orchestration. */
export interface StartedAttempt {
  n: number;
  model: string;
  provider: string;
  step?: string;
}

/** The response as a stream of OpenAI chunks. Once the signal has aborted nothing is sent any more, and no timer is left. */
export class ChunkStream {
  opened = false;
  private readonly stream: EventStream;
  private readonly opening: NodeJS.Timeout;
  private envelope: JsonObject = {};
  /** The newest attempt of each step; of a single call, which has no steps, under none. */
  private readonly started = new Map<string | undefined, StartedAttempt>();
  private newest: StartedAttempt | null = null;
  /** The attempts seen: a worker that is lost leaves one to be started again, and numbers begin anew with each step. */
  private readonly attempts = new Set<string>();
  private served: StartedAttempt | null = null;

  constructor(
    private readonly response: Response,
    private readonly options: { jobId: string; request: OpenAiRequest; signal: AbortSignal },
  ) {
    this.stream = new EventStream(response);
    this.opening = setTimeout(() => this.open(), HEADERS_AFTER_MS);
    options.signal.addEventListener('abort', () => this.stop(), { once: true });
    if (options.signal.aborted) this.stop();
  }

  /** Of an orchestration's attempts the one that speaks is known with its first words. */
  attemptStarted(attempt: StartedAttempt): void {
    this.attempts.add(`${attempt.step ?? ''} ${attempt.n}`);
    this.newest = attempt;
    this.started.set(attempt.step, attempt);
    if (attempt.step === undefined) this.served = attempt;
  }

  async write(delta: OutputDelta): Promise<void> {
    this.served = this.started.get(delta.step) ?? this.newest;
    this.open();
    this.envelope = delta.envelope ?? this.envelope;
    const usage = this.options.request.includeUsage ? { usage: null } : {};
    const choices = delta.choices.flatMap(finishApart);
    await this.send(choices.map((choice) => ({ ...this.envelope, choices: [choice], ...usage })));
  }

  async finish(usage: JsonObject | null): Promise<void> {
    this.open();
    if (this.options.request.includeUsage && usage) await this.send([{ ...this.envelope, choices: [], usage }]);
    await this.stream.send('data: [DONE]\n\n', this.options.signal);
    this.stop();
    this.response.end();
  }

  /** Before the headers are out the error is an answer of its own, and thrown. */
  fail(error: TokenhubError): void {
    this.stop();
    if (!this.opened) throw error;
    this.response.end(`data: ${JSON.stringify({ error: openAiError(error) })}\n\n`);
  }

  /** No more timers; whoever ends the response does the rest. */
  stop(): void {
    clearTimeout(this.opening);
    this.stream.stopKeepalive();
  }

  private open(): void {
    this.options.signal.throwIfAborted();
    if (this.opened) return;
    clearTimeout(this.opening);
    this.opened = true;
    this.stream.open({
      'x-tokenhub-job-id': this.options.jobId,
      ...(this.served && {
        'x-tokenhub-model': headerText(this.served.model),
        'x-tokenhub-provider': headerText(this.served.provider),
        // Not the newest one's number: one that was put off before it was sent has a number, too.
        'x-tokenhub-attempts': String(this.attempts.size),
      }),
    });
  }

  private send(chunks: JsonObject[]): Promise<void> {
    return this.stream.send(chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join(''), this.options.signal);
  }
}

/**
 * Coalesced output, cut as OpenAI cuts it: one choice a chunk, because clients look at `choices[0]` alone, and a chat
 * choice's finish in a chunk of its own, because the SDKs' helpers look at the finish before the rest of its chunk and
 * would never report the last tool call as done.
 */
function finishApart(choice: ChoiceDelta): ChoiceDelta[] {
  const { delta, logprobs, ...end } = choice;
  if (delta === undefined || !end.finish_reason || Object.keys(delta).length === 0) return [choice];
  const said: ChoiceDelta = { index: choice.index, delta, finish_reason: null };
  if (logprobs === undefined) return [said, { ...end, delta: {} }];
  return [
    { ...said, logprobs },
    { ...end, delta: {}, logprobs: null },
  ];
}
