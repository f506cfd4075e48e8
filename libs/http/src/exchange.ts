import type { IncomingHttpHeaders } from 'node:http';
import type { Dispatcher } from 'undici';
import { CallTimer } from './call-timer.js';
import { fromTransport, HttpError, type WaitKind } from './http-error.js';
import type { HttpAnswer, HttpRequest, StreamControl } from './http-request.js';

/** An error's body is read this far and no further: enough for any message. */
const ERROR_BODY_BYTES = 64 * 1024;

/** How long a finished stream may take to end its response before its connection is given up. */
const LINGER_MS = 1000;

const NOTHING = Buffer.alloc(0);

/**
 * One request and its answer. It is undici's dispatch handler itself, because `dispatcher.request` would build a
 * Readable, its listeners and an abort wrapper per call, none of which is needed here.
 */
export class Exchange implements Dispatcher.DispatchHandler, StreamControl {
  readonly #request: HttpRequest;
  readonly #maxBytes: number;
  readonly #timer: CallTimer;
  readonly #promise = Promise.withResolvers<HttpAnswer>();
  readonly #onAbort = (): void =>
    this.#fail(new HttpError('aborted', 'The call was aborted', { cause: this.#request.signal.reason }));
  #controller: Dispatcher.DispatchController | undefined;
  #settled = false;
  #status = 0;
  #headers: IncomingHttpHeaders = {};
  #chunks: Buffer[] = [];
  #bytes = 0;
  #onChunk: ((chunk: Buffer) => void) | null = null;

  constructor(request: HttpRequest, maxBytes: number) {
    this.#request = request;
    this.#maxBytes = maxBytes;
    this.#timer = new CallTimer(request.deadlineMs, (due, ms) => this.#onDue(due, ms));
  }

  /** Sends the request; resolves with the answer, whatever its status, or rejects with an HttpError. */
  run(dispatcher: Dispatcher, options: Dispatcher.DispatchOptions): Promise<HttpAnswer> {
    const { signal, deadlineMs, wait } = this.#request;
    if (signal.aborted) this.#onAbort();
    else if (deadlineMs <= Date.now()) this.#onDue('deadline', 0);
    else {
      signal.addEventListener('abort', this.#onAbort, { once: true });
      this.#timer.wait(wait.kind, wait.ms);
      dispatcher.dispatch(options, this);
    }
    return this.#promise.promise;
  }

  wait(kind: WaitKind, ms: number): void {
    if (!this.#settled) this.#timer.wait(kind, ms);
  }

  progress(): void {
    this.#timer.progress();
  }

  finish(): void {
    if (this.#settled) return;
    this.#resolve(NOTHING);
    this.#timer.wait('idle', LINGER_MS);
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Given up while it was still connecting.
    if (this.#settled) {
      controller.abort(new HttpError('aborted', 'The call is over'));
      return;
    }
    this.#controller = controller;
    this.#timer.progress();
  }

  onResponseStart(_controller: Dispatcher.DispatchController, status: number, headers: IncomingHttpHeaders): void {
    if (this.#settled || status < 200) return;
    this.#status = status;
    this.#headers = headers;
    // What says itself that it is too large is not read at all.
    if (this.#cutAt === Infinity && Number(headers['content-length'] ?? 0) > this.#maxBytes) {
      this.#fail(this.#tooLarge());
      return;
    }
    this.#guarded(() => {
      const head = { status, headers };
      this.#request.onHead?.(head);
      this.#onChunk = this.#request.openStream?.(head, this) ?? null;
    });
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if (this.#settled) return;
    this.#bytes += chunk.length;
    const cutAt = this.#cutAt;
    if (this.#bytes >= cutAt) {
      this.#cutBody(chunk, cutAt);
      return;
    }
    if (this.#bytes > this.#maxBytes) {
      this.#fail(this.#tooLarge());
      return;
    }
    const onChunk = this.#onChunk;
    if (onChunk) this.#guarded(() => onChunk(chunk));
    else this.#chunks.push(chunk);
  }

  onResponseEnd(): void {
    if (this.#settled) this.#timer.stop();
    else this.#resolve(joined(this.#chunks));
  }

  onResponseError(_controller: Dispatcher.DispatchController | null, error: Error): void {
    if (this.#settled) this.#timer.stop();
    else this.#fail(error instanceof HttpError ? error : fromTransport(error, this.#controller !== undefined));
  }

  get #cutAt(): number {
    return this.#request.cutBodyAt ?? (this.#status >= 300 ? ERROR_BODY_BYTES : Infinity);
  }

  #tooLarge(): HttpError {
    return new HttpError('too_large', `The answer is larger than ${this.#maxBytes} bytes`);
  }

  #onDue(due: WaitKind | 'deadline', ms: number): void {
    if (this.#settled) {
      this.#drop();
      return;
    }
    this.#fail(
      due === 'deadline'
        ? new HttpError('deadline', 'The deadline passed before the answer was complete')
        : new HttpError(`${due}_timeout`, `Nothing came within ${ms} ms`),
    );
  }

  /** Runs the caller's code; what it throws ends the call as it is. */
  #guarded(run: () => void): void {
    try {
      run();
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  #cutBody(chunk: Buffer, bytes: number): void {
    this.#chunks.push(chunk);
    this.#resolve(joined(this.#chunks).subarray(0, bytes));
    this.#drop();
  }

  #resolve(body: Buffer): void {
    this.#settle();
    this.#promise.resolve({ status: this.#status, headers: this.#headers, body });
  }

  #fail(error: Error): void {
    if (this.#settled) return;
    this.#settle();
    this.#drop();
    this.#promise.reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.#timer.stop();
    this.#chunks = [];
    this.#request.signal.removeEventListener('abort', this.#onAbort);
  }

  #drop(): void {
    this.#controller?.abort(new HttpError('aborted', 'The call is over'));
  }
}

function joined(chunks: Buffer[]): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only ? only : Buffer.concat(chunks);
}
