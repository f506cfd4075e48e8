import type { CallKind } from '#contracts/job-state.js';
import type { HttpRequest } from '#http/http-request.js';
import type { ProviderCall } from '../provider-adapter.js';
import type { Dialect } from './dialect.js';

/** The HTTP request for a call; a streamed one waits for its first token, a plain one for the whole answer. */
export function toHttpRequest(call: ProviderCall, streamed: boolean, dialect: Dialect): HttpRequest {
  const { connectMs, firstTokenMs, answerMs } = call.timeouts;
  return {
    method: 'POST',
    url: call.endpoint + PATHS[call.kind],
    headers: headersOf(call.credential, streamed),
    body: dialect.toUpstreamBody(call, streamed),
    connectMs,
    wait: streamed ? { kind: 'first', ms: firstTokenMs } : { kind: 'answer', ms: answerMs },
    deadlineMs: call.deadlineMs,
    signal: call.signal,
    onSent: call.onSent,
  };
}

const PATHS: Record<CallKind, string> = {
  chat: '/chat/completions',
  completion: '/completions',
  embedding: '/embeddings',
};

function headersOf(credential: string | null, streamed: boolean): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: streamed ? 'text/event-stream' : 'application/json',
    'user-agent': 'tokenhub',
  };
  if (credential !== null) headers.authorization = `Bearer ${credential}`;
  return headers;
}
