import type { HttpClient } from '#http/http-client.js';
import type { HttpHead } from '#http/http-request.js';
import type { BodyAnswer, ProviderAdapter, ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { sendStreamed } from '../send-streamed.js';
import { watchHead } from '../watch-head.js';
import { toUpstreamBody } from './convert-messages.js';
import { isLongAnswer, toHttpRequest } from './options.js';
import { errorFromUnstreamed, readAnswer } from './read-answer.js';
import { readRateLimits } from './rate-limits.js';
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
    const streamed = call.onDelta !== undefined || isLongAnswer(body.max_tokens, call);
    const { signal } = call;
    const answer = await watchHead({ signal, readRateLimits }, (onHead) =>
      this.#answer(call, { body, streamed, onHead }),
    );
    return dropped.length > 0 ? { ...answer, dropped } : answer;
  }

  async #answer(
    call: ProviderCall,
    {
      body,
      streamed,
      onHead,
    }: { body: Parameters<typeof toHttpRequest>[1]; streamed: boolean; onHead: (head: HttpHead) => void },
  ): Promise<BodyAnswer> {
    const request = { ...toHttpRequest(call, body, streamed), onHead };
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
