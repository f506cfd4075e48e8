import type { HttpClient } from '#http/http-client.js';
import type { HttpHead } from '#http/http-request.js';
import type { BodyAnswer, ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { sendStreamed } from '../send-streamed.js';
import { watchHead } from '../watch-head.js';
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
  execute(call: ProviderCall): Promise<ProviderAnswer> {
    const { signal } = call;
    const { readRateLimits } = this.#dialect;
    return watchHead({ signal, readRateLimits }, (onHead) => this.#answer(call, onHead));
  }

  async #answer(call: ProviderCall, onHead: (head: HttpHead) => void): Promise<BodyAnswer> {
    const dialect = this.#dialect;
    const { kind, onDelta } = call;
    if (onDelta && kind !== 'embedding') {
      const request = { ...toHttpRequest(call, true, dialect), onHead };
      return sendStreamed(this.#http, request, {
        reader: openStreamReader({ ...call, kind }, dialect),
        errorOf: (answer) => errorFromUnstreamed(answer, call.credential, dialect),
      });
    }
    const request = { ...toHttpRequest(call, false, dialect), onHead };
    return readAnswer(await this.#http.send(request), call, dialect);
  }
}
