import type { ServerResponse } from 'node:http';
import type { Counters, OpenRequest } from './counters.js';
import type { Frame, Plan } from './plan.js';

const FILLER = Buffer.alloc(64 * 1024, 'lorem ipsum dolor sit amet ');

interface Owner {
  counters: Counters;
  headers: () => Record<string, string>;
  isClosing: () => boolean;
  /** Called once the connection has let go of the answer. */
  ended: () => void;
}

/** One request and its answer: sends a plan at its pace, and notes how it ended. */
export class Exchange {
  private timer: NodeJS.Timeout | null = null;
  private plan: Plan | null = null;
  private dropped = false;

  constructor(
    private readonly response: ServerResponse,
    private readonly request: OpenRequest,
    private readonly owner: Owner,
  ) {
    response.once('close', () => this.closed());
  }

  /** Sends the plan; returns at once, whatever the plan's pace. */
  send(plan: Plan): void {
    if (this.response.destroyed) {
      return;
    }
    this.plan = plan;
    if (plan.firstByteMs === 0 && plan.msPerToken === 0) {
      this.finish(plan, joined(plan.frames));
    } else {
      this.pump(plan, { next: 0, tokens: 0, startMs: performance.now() });
    }
  }

  /** Writes every frame that is due, in one piece, and sleeps until the next one; a late timer catches up. */
  private pump(plan: Plan, progress: { next: number; tokens: number; startMs: number }): void {
    const elapsedMs = performance.now() - progress.startMs;
    let text = '';
    let dueMs = plan.firstByteMs;
    for (; progress.next < plan.frames.length; progress.next++) {
      const frame = plan.frames[progress.next];
      if (frame === undefined) {
        break;
      }
      dueMs = dueAfter(plan, frame, progress.tokens);
      if (dueMs > elapsedMs) {
        break;
      }
      text += frame.text;
      progress.tokens += frame.tokens;
    }
    if (progress.next === plan.frames.length && dueMs <= elapsedMs) {
      this.finish(plan, text);
      return;
    }
    if (text !== '') {
      this.writeHead(plan, null);
      this.response.write(text);
    }
    this.timer = setTimeout(() => this.pump(plan, progress), Math.ceil(dueMs - elapsedMs));
  }

  private finish(plan: Plan, text: string): void {
    if (plan.fillerBytes > 0) {
      this.writeHead(plan, null);
      this.response.write(text);
      this.pour(plan.fillerBytes);
      return;
    }
    if (plan.ending === 'end') {
      this.writeHead(plan, plan.stream ? null : text);
      this.response.end(text);
      return;
    }
    this.dropped = plan.ending !== 'silence';
    if (plan.withHeaders) {
      this.writeHead(plan, null);
      this.response.flushHeaders();
    }
    if (plan.ending === 'destroy') {
      // After the write has left, or the client would see less than the fault promises.
      this.response.write(text === '' ? '\n' : text, () => this.response.destroy());
    } else if (plan.ending === 'reset') {
      this.response.socket?.resetAndDestroy();
    } else if (text !== '') {
      this.response.write(text);
    }
  }

  /** Sends filler as fast as the client takes it, and ends; however much it is, one piece of it is held for all. */
  private pour(bytes: number): void {
    if (this.response.destroyed) {
      return;
    }
    let left = bytes;
    let takesMore = true;
    while (left > 0 && takesMore) {
      const piece = left < FILLER.length ? FILLER.subarray(0, left) : FILLER;
      left -= piece.length;
      takesMore = this.response.write(piece);
    }
    if (left === 0) {
      this.response.end();
    } else {
      this.response.once('drain', () => this.pour(left));
    }
  }

  /** A whole body gets its length; anything else is chunked, so that a client can tell a broken answer from an end. */
  private writeHead(plan: Plan, body: string | null): void {
    if (this.response.headersSent) {
      return;
    }
    const headers: Record<string, string | number> = {
      ...this.owner.headers(),
      ...plan.headers,
      'content-type': plan.contentType,
    };
    if (body !== null) {
      headers['content-length'] = Buffer.byteLength(body);
    }
    this.response.writeHead(plan.status, headers);
    this.owner.counters.answered(this.request, plan.status);
  }

  private closed(): void {
    if (this.timer !== null) {
      clearTimeout(this.timer);
    }
    this.owner.ended();
    const broken = this.dropped || this.owner.isClosing() ? 'dropped' : 'aborted';
    this.owner.counters.close(
      this.request,
      this.response.writableFinished ? 'sent' : broken,
      this.plan?.served ?? null,
    );
  }
}

function joined(frames: readonly Frame[]): string {
  const [first] = frames;
  return frames.length === 1 && first !== undefined
    ? first.text
    : frames.reduce((text, frame) => text + frame.text, '');
}

/** The first token of a stream comes with the first byte; a whole body when its last token would. */
function dueAfter(plan: Plan, frame: Frame, tokens: number): number {
  const waited = frame.part === 'body' ? frame.tokens : frame.part === 'content' ? tokens : Math.max(tokens - 1, 0);
  return plan.firstByteMs + waited * plan.msPerToken;
}
