import { Agent, type Dispatcher } from 'undici';
import type { AddressGuard } from './address-guard.js';
import { Exchange } from './exchange.js';
import { fromTransport, HttpError } from './http-error.js';
import type { HttpAnswer, HttpRequest } from './http-request.js';

/** What is beyond it ends the call as `malformed`. */
const MOST_HEADER_BYTES = 16 * 1024;

export interface HttpClientOptions {
  /** Bytes of a body, streamed or not, beyond which a call fails with `too_large`; 64 MiB by default. */
  maxAnswerBytes?: number;
  /**
   * How long an unused connection is kept, in milliseconds, where the server does not say. 4 s by default, because
   * uvicorn (vLLM) closes at 5 s without announcing it, and a request sent into a closing connection is lost.
   */
  keepAliveMs?: number;
  /** Looks at every address before a connection to it is opened; without one, anything may be called. */
  guard?: AddressGuard;
}

/**
 * The process's outgoing HTTP. Connections are kept and not capped, since the pools bound how much is in flight;
 * redirects are not followed, and bodies are not decoded.
 */
export class HttpClient {
  readonly #agents = new Map<number, Agent>();
  readonly #maxAnswerBytes: number;
  readonly #keepAliveMs: number;
  readonly #guard: AddressGuard | undefined;
  #closed = false;

  constructor(options: HttpClientOptions = {}) {
    this.#maxAnswerBytes = options.maxAnswerBytes ?? 64 * 1024 * 1024;
    this.#keepAliveMs = options.keepAliveMs ?? 4000;
    this.#guard = options.guard;
  }

  /** Resolves with the answer, whatever its status; rejects with an HttpError, or with what the stream's reader threw. */
  send(request: HttpRequest): Promise<HttpAnswer> {
    if (this.#closed) return Promise.reject(new HttpError('closed', 'The HTTP client is closed'));
    const options = dispatchOptions(request);
    if (options instanceof Error) return Promise.reject(options);
    const refused = this.#guard?.refuse(request.url);
    if (refused) return Promise.reject(refused);
    return new Exchange(request, this.#maxAnswerBytes).run(this.#agentFor(request.connectMs), options);
  }

  /** Resolves once every call in flight has ended; later calls fail with `closed`. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#agents.values()].map((agent) => agent.close()));
  }

  /** undici knows a connect timeout only per agent; the configuration has few different ones. */
  #agentFor(connectMs: number): Agent {
    const known = this.#agents.get(connectMs);
    if (known) return known;
    const agent = new Agent({
      connections: null,
      pipelining: 1,
      // One connection per call: an aborted call must end at the server, and a slow one must not share its fate.
      allowH2: false,
      connectTimeout: connectMs,
      ...(this.#guard && { connect: { lookup: this.#guard.lookupWithin(connectMs) } }),
      keepAliveTimeout: this.#keepAliveMs,
      // Node's own default, whatever its options say: all headers of an answer together.
      maxHeaderSize: MOST_HEADER_BYTES,
      // Each call has its own timer, which also knows the deadline.
      headersTimeout: 0,
      bodyTimeout: 0,
    });
    this.#agents.set(connectMs, agent);
    return agent;
  }
}

function dispatchOptions(request: HttpRequest): Dispatcher.DispatchOptions | Error {
  try {
    const { origin, pathname, search } = new URL(request.url);
    return {
      origin,
      path: pathname + search,
      method: request.method,
      headers: request.headers,
      body: request.body ?? null,
    };
  } catch (error) {
    return fromTransport(error, false);
  }
}
