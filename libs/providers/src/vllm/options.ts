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

/** The HTTP request for one of the server's own routes, which are beside `/v1` and not below it. */
export function toServerRequest(
  access: ServerAccess,
  route: { method: 'GET' | 'POST'; path: string; body?: string },
): HttpRequest {
  return {
    method: route.method,
    url: serverUrl(access.endpoint) + route.path,
    headers: headersOf(access.credential),
    body: route.body,
    connectMs: access.connectMs,
    wait: { kind: 'answer', ms: access.answerMs },
    deadlineMs: Date.now() + access.connectMs + access.answerMs,
    signal: access.signal,
  };
}

function serverUrl(endpoint: string): string {
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
