import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import { fromHttpError } from '../network-error.js';
import type { ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { sendStreamed } from '../send-streamed.js';
import { toUpstreamBody } from './convert-messages.js';
import { isLongAnswer, toHttpRequest } from './options.js';
import { errorFromUnstreamed, readAnswer } from './read-answer.js';
import { openStreamReader } from './read-stream.js';

/** Speaks Anthropic's Messages, for chat alone. */
export class AnthropicAdapter implements ProviderAdapter {
  readonly #http: HttpClient;

  constructor(http: HttpClient) {
    this.#http = http;
  }

  /**
   * Sends the call once; there are no retries here. Rejects with a ProviderError (code `deadline` when the deadline
   * passed), with the signal's reason when aborted, or with what `onDelta` threw.
   */
  async execute(call: ProviderCall): Promise<ProviderAnswer> {
    if (call.kind !== 'chat') throw unsupportedKind(call.kind);
    const { body, dropped } = toUpstreamBody(call);
    try {
      const streamed = call.onDelta !== undefined || isLongAnswer(body.max_tokens, call);
      const answer = await this.#answer(call, { body, streamed });
      return dropped.length > 0 ? { ...answer, dropped } : answer;
    } catch (error) {
      call.signal.throwIfAborted();
      throw error instanceof HttpError ? fromHttpError(error) : error;
    }
  }

  async #answer(
    call: ProviderCall,
    { body, streamed }: { body: Parameters<typeof toHttpRequest>[1]; streamed: boolean },
  ): Promise<ProviderAnswer> {
    const request = toHttpRequest(call, body, streamed);
    if (!streamed) return readAnswer(await this.#http.send(request), call.credential);
    const answer = await sendStreamed(this.#http, request, {
      reader: openStreamReader(call),
      errorOf: (unstreamed) => errorFromUnstreamed(unstreamed, call.credential),
    });
    // A stream that nobody reads is our way of asking, and no streamed call.
    return call.onDelta ? answer : { ...answer, ttftMs: null };
  }
}

/** The configuration's fault: it says that a model of this provider's answers such calls. */
function unsupportedKind(kind: string): ProviderError {
  return new ProviderError('provider_fault', `Anthropic has no ${kind} calls`, {
    code: 'unsupported_kind',
    blames: 'nobody',
  });
}
