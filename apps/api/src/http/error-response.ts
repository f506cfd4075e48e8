import { ERROR_CATALOGUE, type ErrorCode, type TokenhubError } from '#contracts/error-catalogue.js';

/** Which error shape a route answers in. */
export type Dialect = 'problem' | 'openai';

export interface ErrorResponse {
  status: number;
  headers: Record<string, string>;
  body: object;
}

/** Tokenhub's own routes answer problem documents; every other route under `/v1` answers in OpenAI's shape. Case is Express's: any. */
export function dialectOf(path: string): Dialect {
  return /^\/v1\/(?!(?:jobs|route|webhook-endpoints)(?:\/|$))/i.test(path) ? 'openai' : 'problem';
}

/** Writes an error in a dialect; the same code in both. */
export function errorResponse(error: TokenhubError, to: { dialect: Dialect; requestId: string }): ErrorResponse {
  const { retryAfterS, shouldRetry, headers } = error.options;
  return {
    status: error.status,
    headers: {
      ...headers,
      'content-type': to.dialect === 'problem' ? 'application/problem+json' : 'application/json',
      ...(retryAfterS !== undefined && { 'retry-after': String(retryAfterS) }),
      ...(shouldRetry !== undefined && { 'x-should-retry': String(shouldRetry) }),
      ...(error.status === 401 && { 'www-authenticate': headers?.['www-authenticate'] ?? 'Bearer' }),
    },
    body: to.dialect === 'problem' ? problem(error, to.requestId) : { error: openAiError(error) },
  };
}

/** RFC 9457; `code` is the stable name, `title` its meaning, `detail` this occurrence. */
function problem(error: TokenhubError, requestId: string): object {
  const { param, errors, extensions } = error.options;
  return {
    type: 'about:blank',
    title: error.title,
    status: error.status,
    detail: error.message,
    code: codeOf(error),
    request_id: requestId,
    ...(param !== undefined && { param }),
    ...(errors !== undefined && { errors }),
    ...limitMembers(error),
    ...extensions,
  };
}

/** The object under `error` in OpenAI's answers, also sent as a stream's last event. */
export function openAiError(error: TokenhubError): {
  message: string;
  type: string;
  param: string | null;
  code: string;
} {
  return {
    message: error.message,
    type: openAiType(error),
    param: error.options.param ?? null,
    code: codeOf(error),
    ...limitMembers(error),
  };
}

/** What refused, of the client's own limits and budgets. */
function limitMembers({ options }: TokenhubError): object {
  if (!options.limit) return options.members ?? {};
  const { rule, limit, retryAfterMs } = options.limit;
  return { rule, limit, retry_after_ms: retryAfterMs };
}

/** The vendor's own code where the fault is the client's to mend; that a provider is broken has a code of ours. */
function codeOf(error: TokenhubError): string {
  const vendorCode = error.options.extensions?.provider_code;
  return typeof vendorCode === 'string' && error.status < 500 ? vendorCode : error.code;
}

function openAiType({ code, status }: TokenhubError): string {
  if (code === 'insufficient_quota') return 'insufficient_quota';
  if (status === 429) return 'rate_limit_error';
  if (status === 503) return 'service_unavailable_error';
  return status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** The catalogue code that stands for an HTTP status which a framework or middleware has decided on. */
export function codeOfStatus(status: number): ErrorCode {
  const known = STATUS_CODES[status];
  if (known) return known;
  return status >= 500 ? 'internal_error' : 'invalid_request';
}

const STATUS_CODES: Partial<Record<number, ErrorCode>> = {
  404: 'unknown_url',
  405: 'method_not_allowed',
  413: 'body_too_large',
  415: 'unsupported_media_type',
  503: 'store_unavailable',
};

/** True when a string is one of the catalogue's codes. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERROR_CATALOGUE, code);
}
