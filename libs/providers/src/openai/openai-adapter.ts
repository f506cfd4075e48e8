import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import { fromHttpError } from '../network-error.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { sendStreamed } from '../send-streamed.js';
import { OPENAI, type Dialect } from './dialect.js';
import { toHttpRequest } from './options.js';
import { errorFromUnstreamed, readAnswer } from './read-answer.js';
import { openStreamReader } from './read-stream.js';

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
    const dialect = this.#dialect;
    try {
      const { kind, onDelta } = call;
      if (onDelta && kind !== 'embedding') {
        return await sendStreamed(this.#http, toHttpRequest(call, true, dialect), {
          reader: openStreamReader({ ...call, kind }, dialect),
          errorOf: (answer) => errorFromUnstreamed(answer, call.credential, dialect),
        });
      }
      return readAnswer(await this.#http.send(toHttpRequest(call, false, dialect)), call, dialect);
    } catch (error) {
      call.signal.throwIfAborted();
      throw error instanceof HttpError ? fromHttpError(error) : error;
    }
  }
}
