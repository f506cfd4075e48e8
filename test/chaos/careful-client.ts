import { setTimeout as sleep } from 'node:timers/promises';
import { createParser } from 'eventsource-parser';
import { ask, eventsOf, type Job, type Json, type ServerEvent } from '../e2e/doors.ts';
import { isJobDoor, type Submission } from './load.ts';

const PAUSE_MS = 200;
const ANSWER_TIMEOUT_MS = 60_000;

/** What a client knows once it has stopped asking. */
export interface Receipt {
  submission: Submission;
  /** Null when it was never accepted. */
  jobId: string | null;
  tries: number;
  /** What a synchronous client was given: its whole answer, or null when it was an error. */
  answer: string | null;
  /** Refusals other than 503 with Retry-After. */
  odd: string[];
}

interface Reply {
  status: number;
  jobId: string | null;
  answer: string | null;
  retryAfter: string | null;
  said: string;
}

/** Posts like a client that wants its answer and wants it once: without one it asks again, with the same key, wherever it can. */
export class CarefulClient {
  private readonly api: () => string;
  private readonly giveUpAt: () => number;

  constructor(options: { api: () => string; giveUpAt: () => number }) {
    this.api = options.api;
    this.giveUpAt = options.giveUpAt;
  }

  async submit(submission: Submission): Promise<Receipt> {
    const receipt: Receipt = { submission, jobId: null, tries: 0, answer: null, odd: [] };
    while (Date.now() < this.giveUpAt()) {
      receipt.tries++;
      const reply = await this.send(submission).catch(() => null);
      if (reply !== null && reply.jobId !== null) return { ...receipt, jobId: reply.jobId, answer: reply.answer };
      if (reply !== null && (reply.status !== 503 || reply.retryAfter === null)) {
        receipt.odd.push(`${submission.door} ${reply.status}: ${reply.said}`);
      }
      await sleep(PAUSE_MS);
    }
    return receipt;
  }

  /** Cancels a job, however often it has to be said; answers with refusals other than 503 with Retry-After. */
  async cancel(jobId: string): Promise<string[]> {
    const odd: string[] = [];
    while (Date.now() < this.giveUpAt()) {
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      const url = `${this.api()}/v1/jobs/${jobId}/cancel`;
      const reply = await ask(url, { method: 'POST', signal }).catch(() => null);
      // 409: the time before had been heard, and its answer was lost.
      if (reply?.status === 200 || reply?.status === 409) return odd;
      if (reply !== null && (reply.status !== 503 || !reply.headers.has('retry-after'))) {
        odd.push(`cancel ${reply.status}: ${reply.text.slice(0, 200)}`);
      }
      await sleep(PAUSE_MS);
    }
    return [...odd, 'it could not be cancelled'];
  }

  /** Follows a job's events to their end, coming back with the last id as an EventSource does; what it has, when it gives up. */
  async follow(jobId: string): Promise<ServerEvent[]> {
    const events: ServerEvent[] = [];
    const isDone = (): boolean => events.at(-1)?.type.match(/^job\.(completed|failed|cancelled|expired)$/) != null;
    while (!isDone() && Date.now() < this.giveUpAt()) {
      const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
      const seen = { 'last-event-id': String(events.at(-1)?.id ?? 0) };
      try {
        for await (const event of eventsOf(`${this.api()}/v1/jobs/${jobId}/events`, seen, signal)) events.push(event);
      } catch {
        // Cut off or refused: what was missed comes with the next reading, and the judge sees when it never does.
        await sleep(PAUSE_MS);
      }
    }
    return events;
  }

  private async send(submission: Submission): Promise<Reply> {
    const { door } = submission;
    const signal = AbortSignal.timeout(ANSWER_TIMEOUT_MS);
    if (door === 'streamed completion') return this.readStream(submission, signal);
    const isJob = isJobDoor(door);
    const { status, headers, body, text } = await ask(`${this.api()}/v1/${isJob ? 'jobs' : 'chat/completions'}`, {
      body: submission.body,
      headers: { 'idempotency-key': submission.marker },
      signal,
    });
    const accepted = isJob && (status === 202 || status === 200) ? (body as Job).id : null;
    const jobId = accepted ?? headers.get('x-tokenhub-job-id');
    const answer = !isJob && status === 200 ? contentOf(body) : null;
    return { status, jobId, answer, retryAfter: headers.get('retry-after'), said: text.slice(0, 200) };
  }

  /** Throws when the stream breaks off: then it is asked for again, and told from its beginning. */
  private async readStream(submission: Submission, signal: AbortSignal): Promise<Reply> {
    const response = await fetch(`${this.api()}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': submission.marker },
      body: JSON.stringify(submission.body),
      signal,
    });
    const jobId = response.headers.get('x-tokenhub-job-id');
    const told = { jobId, status: response.status, retryAfter: response.headers.get('retry-after') };
    if (response.status !== 200 || response.body === null) {
      return { ...told, answer: null, said: (await response.text()).slice(0, 200) };
    }
    const data: string[] = [];
    const parser = createParser({ onEvent: (event) => data.push(event.data) });
    const decoder = new TextDecoder();
    for await (const chunk of response.body) parser.feed(decoder.decode(chunk as Uint8Array, { stream: true }));
    const pieces = data.filter((piece) => piece !== '[DONE]').map((piece) => JSON.parse(piece) as Json);
    if (pieces.some((piece) => 'error' in piece)) return { ...told, answer: null, said: data.at(-1) ?? '' };
    if (data.at(-1) !== '[DONE]') throw new Error('the stream broke off');
    return { ...told, answer: pieces.map(deltaOf).join(''), said: '' };
  }
}

function contentOf(body: Json): string {
  const choices = body.choices as { message: { content: string } }[] | undefined;
  return choices?.[0]?.message.content ?? '';
}

function deltaOf(chunk: Json): string {
  const choices = chunk.choices as { delta?: { content?: string } }[] | undefined;
  return choices?.[0]?.delta?.content ?? '';
}
