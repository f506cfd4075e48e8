import type { JsonObject } from '#contracts/json.js';
import type { HttpRequest } from '#http/http-request.js';
import type { ProviderCall } from '../provider-adapter.js';

/** The version whose shapes this folder speaks; 2026-10-21 refuses every sampling parameter. */
export const ANTHROPIC_VERSION = '2023-06-01';

/** How long Anthropic allows an answer to take that is not streamed, and the speed by which it estimates that. */
const LONGEST_PLAIN_MS = 600_000;
const MS_PER_TOKEN = 3_600_000 / 128_000;

/** True when an answer of so many tokens may take longer than a plain call can wait: it has to be streamed by the vendor. */
export function isLongAnswer(maxTokens: number, { timeouts }: Pick<ProviderCall, 'timeouts'>): boolean {
  return maxTokens * MS_PER_TOKEN > Math.min(LONGEST_PLAIN_MS, timeouts.answerMs);
}

/**
 * The HTTP request for a call. A streamed one waits for its first token, a plain one for the whole answer; one that is
 * streamed by the vendor alone waits for its first token as long as its client would for the answer.
 */
export function toHttpRequest(call: ProviderCall, body: JsonObject, streamed: boolean): HttpRequest {
  const { connectMs, firstTokenMs, answerMs } = call.timeouts;
  return {
    method: 'POST',
    url: `${call.endpoint}/messages`,
    headers: headersOf(call.credential, streamed),
    body: JSON.stringify(streamed ? { ...body, stream: true } : body),
    connectMs,
    wait: streamed ? { kind: 'first', ms: call.onDelta ? firstTokenMs : answerMs } : { kind: 'answer', ms: answerMs },
    deadlineMs: call.deadlineMs,
    signal: call.signal,
    onSent: call.onSent,
  };
}

function headersOf(credential: string | null, streamed: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: streamed ? 'text/event-stream' : 'application/json',
    'user-agent': 'tokenhub',
    'anthropic-version': ANTHROPIC_VERSION,
  };
  if (credential !== null) headers['x-api-key'] = credential;
  return headers;
}
