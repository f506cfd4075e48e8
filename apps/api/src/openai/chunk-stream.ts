import type { Response } from 'express';
import type { TokenhubError } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { OutputDelta } from '#contracts/output-delta.js';
import { openAiError } from '../http/error-response.js';
import { EventStream } from '../jobs/event-stream.js';
import { headerText } from './answer-headers.js';
import type { OpenAiRequest } from './parse-openai-request.js';

/** Without content by then, the headers go out and keep-alive comments follow. */
const HEADERS_AFTER_MS = 15_000;

/** The response as a stream of OpenAI chunks. */
export class ChunkStream {
  opened = false;
  private readonly stream: EventStream;
  private readonly opening: NodeJS.Timeout;
  private envelope: JsonObject = {};
  private served: { n: number; model: string; provider: string } | null = null;

  constructor(
    private readonly response: Response,
    private readonly options: { jobId: string; request: OpenAiRequest; signal: AbortSignal },
  ) {
    this.stream = new EventStream(response);
    this.opening = setTimeout(() => this.open(), HEADERS_AFTER_MS);
    options.signal.addEventListener('abort', () => this.stop(), { once: true });
  }

  servedBy(attempt: { n: number; model: string; provider: string }): void {
    this.served = attempt;
  }

  async write(delta: OutputDelta): Promise<void> {
    this.open();
    this.envelope = delta.envelope ?? this.envelope;
    const usage = this.options.request.includeUsage ? { usage: null } : {};
    await this.send({ ...this.envelope, choices: delta.choices, ...usage });
  }

  async finish(usage: JsonObject | null): Promise<void> {
    this.open();
    if (this.options.request.includeUsage && usage) await this.send({ ...this.envelope, choices: [], usage });
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

  private open(): void {
    if (this.opened) return;
    clearTimeout(this.opening);
    this.opened = true;
    this.stream.open({
      'x-tokenhub-job-id': this.options.jobId,
      ...(this.served && {
        'x-tokenhub-model': headerText(this.served.model),
        'x-tokenhub-provider': headerText(this.served.provider),
        'x-tokenhub-attempts': String(this.served.n),
      }),
    });
  }

  private stop(): void {
    clearTimeout(this.opening);
    this.stream.stopKeepalive();
  }

  private send(chunk: JsonObject): Promise<void> {
    return this.stream.send(`data: ${JSON.stringify(chunk)}\n\n`, this.options.signal);
  }
}
