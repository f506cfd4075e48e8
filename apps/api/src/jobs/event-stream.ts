import type { Response } from 'express';
import type { AttemptRecord } from '#contracts/attempt.js';
import { isTerminalEvent, type JobEvent } from '#contracts/job-event.js';
import { attemptView } from '#jobs/job-view.js';

const KEEPALIVE_MS = 15_000;

/** Server-sent events to one client, with comments that keep idle connections open. */
export class EventStream {
  private keepalive: NodeJS.Timeout | undefined;

  constructor(private readonly response: Response) {}

  /** Sends the headers; from here on errors can only be events. */
  open(headers: Record<string, string> = {}): void {
    this.response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache, no-transform',
      'x-accel-buffering': 'no',
      ...headers,
    });
    this.response.flushHeaders();
    this.keepalive = setInterval(() => this.response.write(': keep-alive\n\n'), KEEPALIVE_MS);
  }

  /** Writes one message; waits while the client does not read. Throws the signal's reason when it aborts, or has aborted. */
  async send(message: string, signal: AbortSignal): Promise<void> {
    // A connection that is gone never drains.
    signal.throwIfAborted();
    if (this.response.write(message)) return;
    await new Promise<void>((resolve) => {
      const proceed = (): void => {
        this.response.off('drain', proceed);
        signal.removeEventListener('abort', proceed);
        resolve();
      };
      this.response.on('drain', proceed);
      signal.addEventListener('abort', proceed);
    });
    signal.throwIfAborted();
  }

  close(): void {
    this.stopKeepalive();
    this.response.end();
  }

  /** For a stream that somebody else ends. */
  stopKeepalive(): void {
    clearInterval(this.keepalive);
  }
}

/** An event as `GET /v1/jobs/:id/events` sends it; terminal ones carry the whole job, which can no longer change. */
export function eventMessage(event: JobEvent, job: () => Promise<Record<string, unknown>>): Promise<string> {
  return dataOf(event, job).then((data) => `id: ${event.seq}\nevent: ${event.type}\ndata: ${data}\n\n`);
}

async function dataOf(event: JobEvent, job: () => Promise<Record<string, unknown>>): Promise<string> {
  if (isTerminalEvent(event.type)) return JSON.stringify(await job());
  if (event.type === 'attempt.failed') return JSON.stringify(attemptView(JSON.parse(event.data) as AttemptRecord));
  return event.data;
}
