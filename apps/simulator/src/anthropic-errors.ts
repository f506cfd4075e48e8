import type { IncomingHttpHeaders } from 'node:http';
import { nextId } from './anthropic-wire.js';
import { RequestProblem, type Problem, type ProblemWish } from './protocol.js';

interface Words {
  type: string;
  message: string;
}

const INVALID = 'invalid_request_error';

/** Anthropic's words by status, and by status and code where a status has several meanings; the codes are only this simulator's names. */
const WORDS: ReadonlyMap<string, Words> = new Map([
  ['400', { type: INVALID, message: 'messages: Invalid value in the request.' }],
  ['400 context_length_exceeded', { type: INVALID, message: 'prompt is too long: 210482 tokens > 200000 maximum' }],
  ['400 content_filter', { type: INVALID, message: 'Output blocked by content filtering policy' }],
  [
    '400 insufficient_quota',
    {
      type: INVALID,
      message: 'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing.',
    },
  ],
  ['401', { type: 'authentication_error', message: 'invalid x-api-key' }],
  ['402', { type: 'billing_error', message: 'There is an issue with your billing or payment information.' }],
  [
    '403',
    { type: 'permission_error', message: 'Your API key does not have permission to use the specified resource.' },
  ],
  ['404', { type: 'not_found_error', message: 'The requested resource could not be found.' }],
  ['409', { type: 'conflict_error', message: 'The resource is being changed by another request. Please try again.' }],
  ['413', { type: 'request_too_large', message: 'Request exceeds the maximum size' }],
  [
    '429',
    {
      type: 'rate_limit_error',
      message: 'This request would exceed the rate limit for your organization. Please try again later.',
    },
  ],
  [
    '429 insufficient_quota',
    { type: 'rate_limit_error', message: 'Your organization has reached its monthly usage limit.' },
  ],
  ['500', { type: 'api_error', message: 'Internal server error' }],
  ['503', { type: 'overloaded_error', message: 'Overloaded' }],
  ['504', { type: 'timeout_error', message: 'The request timed out while processing.' }],
  ['529', { type: 'overloaded_error', message: 'Overloaded' }],
]);

/** The finer codes that Anthropic gives in `error.details`. */
const DETAILS: ReadonlyMap<string, string> = new Map([['429 insufficient_quota', 'enforced_spend_limit_reached']]);

/** Completes an error in Anthropic's words for its status and code. */
export function anthropicProblem(wish: ProblemWish): Problem {
  const key = `${wish.status} ${wish.code ?? ''}`;
  const words = WORDS.get(key) ?? WORDS.get(String(wish.status)) ?? fallback(wish.status);
  return {
    status: wish.status,
    message: wish.message ?? words.message,
    type: wish.type ?? words.type,
    code: DETAILS.get(key) ?? null,
    param: null,
    // The body names the request too, so the id is known before the header is written.
    headers: { 'request-id': nextId('req'), ...wish.headers },
  };
}

/** Anthropic's error body, which names the request as the header does. */
export function anthropicErrorBody(problem: Problem): string {
  return JSON.stringify({
    type: 'error',
    error: errorOf(problem),
    request_id: problem.headers?.['request-id'] ?? null,
  });
}

/** The error as an event of a stream. */
export function anthropicErrorEvent(problem: Problem): string {
  return JSON.stringify({ type: 'error', error: errorOf(problem) });
}

/** Throws Anthropic's 401 unless the headers carry the key; `x-api-key` wins over a bearer token. */
export function requireApiKey(headers: IncomingHttpHeaders, apiKey: string): void {
  const bearer = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  const given = headers['x-api-key'] ?? bearer;
  if (given === undefined) throw problem(401, 'x-api-key header is required');
  if (given !== apiKey) throw problem(401, 'invalid x-api-key');
}

const VERSIONS = ['2023-06-01', '2026-10-21'];

/** Throws Anthropic's 400 unless the headers name a version that it has. */
export function requireVersion(headers: IncomingHttpHeaders): void {
  const version = headers['anthropic-version'];
  if (version === undefined) throw problem(400, 'anthropic-version: header is required');
  if (!VERSIONS.includes(String(version))) throw problem(400, `anthropic-version: "${String(version)}" is not valid`);
}

/** Throws Anthropic's 400 or 404 unless the request names a model that is served; an empty list serves any. */
export function requireModel(model: string, served: readonly string[]): void {
  if (model === '') throw badRequest('model: Field required');
  if (served.length > 0 && !served.includes(model)) throw problem(404, `model: ${model}`);
}

/** A 400 in Anthropic's shape, to be thrown. */
export function badRequest(message: string): RequestProblem {
  return problem(400, message);
}

function problem(status: number, message: string): RequestProblem {
  return new RequestProblem(anthropicProblem({ status, message }));
}

function errorOf({ type, message, code }: Problem): object {
  return { ...(code === null ? {} : { details: { error_code: code } }), type, message };
}

function fallback(status: number): Words {
  return status >= 500
    ? { type: 'api_error', message: `The server answered ${status}.` }
    : { type: INVALID, message: `The request was refused with ${status}.` };
}
