import type { HttpClient } from '#http/http-client.js';
import { HttpError, type HttpErrorKind } from '#http/http-error.js';
import { fromHttpError } from '../network-error.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { OPENAI, type Dialect } from './dialect.js';
import { toHttpRequest } from './options.js';
import { errorFromUnstreamed, readAnswer } from './read-answer.js';
import { StreamReader, type StreamedCall } from './read-stream.js';

/** Speaks OpenAI's chat completions, completions and embeddings, in its own dialect or another server's. */
export class OpenAiAdapter implements ProviderAdapter {
  readonly #http: HttpClient;
  readonly #dialect: Dialect;

  constructor(http: HttpClient, dialect: Dialect = OPENAI) {
    this.#http = http;
    this.#dialect = dialect;
  }

  /**
   * Sends the call once; there are no retries here. Rejects with a ProviderError (code `deadline` when the deadline
   * passed), with the signal's reason when aborted, or with what `onDelta` threw.
   */
  async execute(call: ProviderCall): Promise<ProviderAnswer> {
    try {
      const { kind, onDelta } = call;
      if (onDelta && kind !== 'embedding') return await this.#stream(call, { ...call, kind, onDelta });
      const request = toHttpRequest(call, false, this.#dialect);
      return readAnswer(await this.#http.send(request), call, this.#dialect);
    } catch (error) {
      call.signal.throwIfAborted();
      throw error instanceof HttpError ? fromHttpError(error) : error;
    }
  }

  async #stream(call: ProviderCall, streamed: StreamedCall): Promise<ProviderAnswer> {
    const reader = new StreamReader(streamed, this.#dialect);
    const openStream = reader.open.bind(reader);
    try {
      const answer = await this.#http.send({ ...toHttpRequest(call, true, this.#dialect), openStream });
      if (!reader.isOpen) throw errorFromUnstreamed(answer, call.credential, this.#dialect);
    } catch (error) {
      const isBroken = error instanceof HttpError && HARMLESS_WHEN_WHOLE.has(error.kind);
      if (!isBroken || !reader.isWhole) throw error;
    }
    return reader.end();
  }
}

/** Ways for a connection to end that take nothing away once the answer is whole; failing over then would bill it twice. */
const HARMLESS_WHEN_WHOLE: ReadonlySet<HttpErrorKind> = new Set(['reset', 'idle_timeout', 'deadline']);
