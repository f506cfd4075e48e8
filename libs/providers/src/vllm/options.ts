import type { HttpRequest } from '#http/http-request.js';

/** What a question to a vLLM server itself needs, beside the calls that carry a client's request. */
export interface ServerAccess {
  /** The provider's base URL, with its version segment. */
  endpoint: string;
  credential: string | null;
  connectMs: number;
  /** For the whole answer. */
  answerMs: number;
  signal: AbortSignal;
}

/** A million tokens, each with its number. */
const LONGEST_BODY = 16 * 1024 * 1024;

/** The HTTP request for one of the questions. */
export function toServerRequest(
  access: ServerAccess,
  question: { method: 'GET' | 'POST'; url: string; body?: string },
): HttpRequest {
  return {
    method: question.method,
    url: question.url,
    headers: headersOf(access.credential),
    body: question.body,
    connectMs: access.connectMs,
    wait: { kind: 'answer', ms: access.answerMs },
    deadlineMs: Date.now() + access.connectMs + access.answerMs,
    signal: access.signal,
    cutBodyAt: LONGEST_BODY,
  };
}

/** The server's own routes, such as `/health`, are beside `/v1` and not below it. */
export function serverUrl(endpoint: string): string {
  return endpoint.replace(/\/v1$/, '');
}

function headersOf(credential: string | null): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: 'application/json',
    'user-agent': 'tokenhub',
  };
  if (credential !== null) headers.authorization = `Bearer ${credential}`;
  return headers;
}
