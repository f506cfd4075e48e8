import type { IncomingHttpHeaders } from 'node:http';
import type { WaitKind } from './http-error.js';

/** One call. All times in milliseconds. */
export interface HttpRequest {
  method: 'GET' | 'POST';
  url: string;
  headers: Record<string, string>;
  body?: string | undefined;
  /** For opening a connection, where none is free. */
  connectMs: number;
  /** What is waited for once the request is sent, and how long. */
  wait: { kind: WaitKind; ms: number };
  /** Unix milliseconds after which no wait goes on. */
  deadlineMs: number;
  /** Aborting destroys the connection. */
  signal: AbortSignal;
  /** Beyond this a body is cut, and the connection with it; by default only an error's, at 64 KiB. */
  cutBodyAt?: number | undefined;
  /** Called when the request goes out on a connection: from then on the server may act upon it. */
  onSent?: (() => void) | undefined;
  /** Called with the response's head, before any of its body; what it throws ends the call. */
  onHead?: ((head: HttpHead) => void) | undefined;
  /**
   * Called with the response's head. Returns the function that takes the body's bytes as they arrive, or null to have
   * them collected into the answer. What either of them throws ends the call and is what it rejects with.
   */
  openStream?: ((head: HttpHead, control: StreamControl) => ((chunk: Buffer) => void) | null) | undefined;
}

export interface HttpHead {
  status: number;
  headers: IncomingHttpHeaders;
}

/** An answer of any status. The body is empty when it was streamed, and cut at 64 KiB when the status is 300 or more. */
export interface HttpAnswer extends HttpHead {
  body: Buffer;
}

/** What the reader of a stream knows and the connection does not: which bytes count as progress, and when it is over. */
export interface StreamControl {
  /** Begins another wait of so many milliseconds in place of the current one. */
  wait(kind: WaitKind, ms: number): void;
  /** The current wait begins anew. */
  progress(): void;
  /** The answer is complete although the response may not have ended; the call resolves now. */
  finish(): void;
}
