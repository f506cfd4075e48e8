import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorClass } from '#contracts/attempt.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { ProviderError } from '../provider-error.js';
import { redact } from '../redact.js';
import { parseErrorBody } from '../unreadable.js';
import { readRetryAfterMs } from '#http/retry-after.js';

/** What an error says. */
interface ErrorFacts {
  /** The HTTP status; null for an error inside a stream. */
  status: number | null;
  type: string | null;
  /** `error.details.error_code`: finer than the type, and mostly absent. */
  code: string | null;
  message: string;
}

/** The ProviderError for an answer whose status is not a success. */
export function errorFromResponse(
  answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
  credential: string | null,
): ProviderError {
  const facts = { ...factsOf(parseErrorBody(answer.body)), status: answer.status };
  return toProviderError(facts, { credential, retryAfterMs: readRetryAfterMs(answer.headers) });
}

/** The ProviderError for an error that came inside a successful answer: an event of a stream, or a body. */
export function errorFromEvent(body: JsonObject, credential: string | null): ProviderError {
  return toProviderError(factsOf(body), { credential });
}

/** True for a body that is an error whatever its status was. */
export function isErrorBody(body: JsonObject): boolean {
  return body.type === 'error' || Boolean(body.error);
}

function toProviderError(
  facts: ErrorFacts,
  { credential, retryAfterMs }: { credential: string | null; retryAfterMs?: number | undefined },
): ProviderError {
  const errorClass = RULES.find((rule) => rule.when(facts))?.errorClass ?? 'transient';
  const own = NAMED_BY_US.has(errorClass) ? null : (facts.code ?? facts.type);
  const message =
    facts.message ||
    (facts.status === null ? 'The provider reported an error' : `The provider answered HTTP ${facts.status}`);
  return new ProviderError(errorClass, redact(message, credential), {
    status: facts.status ?? undefined,
    code: redact(own ?? DEFAULT_CODES[errorClass], credential),
    param: null,
    retryAfterMs: errorClass === 'rate_limited' || errorClass === 'transient' ? retryAfterMs : undefined,
    blames: errorClass === 'provider_fault' && isAboutModel(facts) ? 'model' : 'provider',
  });
}

/** The first rule that fits decides. Spent money comes before statuses: it is a 429 or a 400 that no waiting cures. */
const RULES: readonly { errorClass: ErrorClass; when: (facts: ErrorFacts) => boolean }[] = [
  { errorClass: 'provider_fault', when: isSpent },
  { errorClass: 'context_overflow', when: (facts) => blamesRequest(facts) && CONTEXT_WORDINGS.test(facts.message) },
  { errorClass: 'content_filtered', when: (facts) => blamesRequest(facts) && FILTER_WORDINGS.test(facts.message) },
  { errorClass: 'rate_limited', when: ({ status }) => status === 429 || status === 529 },
  { errorClass: 'rate_limited', when: (facts) => isNamed(facts, ['rate_limit_error', 'overloaded_error']) },
  { errorClass: 'transient', when: ({ status }) => status === 408 || status === 409 || (status ?? 0) >= 500 },
  // The path and the model are ours; a redirect is a wrong base URL.
  { errorClass: 'provider_fault', when: ({ status }) => status !== null && (status < 400 || FAULTS.has(status)) },
  { errorClass: 'provider_fault', when: (facts) => facts.status === null && isNamed(facts, ACCOUNT_TYPES) },
  { errorClass: 'invalid_request', when: ({ status }) => status !== null },
  { errorClass: 'invalid_request', when: (facts) => isNamed(facts, ['invalid_request_error', 'request_too_large']) },
];

const FAULTS: ReadonlySet<number> = new Set([401, 402, 403, 404]);
const ACCOUNT_TYPES = ['authentication_error', 'permission_error', 'billing_error', 'not_found_error'];

/** The prompt alone, and the prompt with `max_tokens`, beyond the model's window. */
const CONTEXT_WORDINGS = /prompt is too long|exceed(s|ed)? (the )?(model's )?(context|maximum context)/i;
const FILTER_WORDINGS = /blocked by (our )?content filter/i;

/** A tier's monthly cap is a 429 that its error code alone tells from a rate limit; limits of one's own and an empty account are 400s. */
function isSpent({ status, code, message }: ErrorFacts): boolean {
  if (code?.includes('spend_limit') === true) return true;
  return (status === null || status === 400 || status === 429) && SPENT_WORDINGS.test(message);
}

const SPENT_WORDINGS = /credit balance is too low|specified (workspace )?API usage limits|spend(ing)? limit/i;

/** Where Anthropic's type says less than the class does. */
const NAMED_BY_US: ReadonlySet<ErrorClass> = new Set(['context_overflow', 'content_filtered']);

/** Codes for errors whose provider gave none. */
const DEFAULT_CODES: Record<ErrorClass, string> = {
  rate_limited: 'rate_limit_error',
  context_overflow: 'context_length_exceeded',
  transient: 'api_error',
  provider_fault: 'provider_refused',
  content_filtered: 'content_filter',
  invalid_request: 'invalid_request_error',
};

function isNamed({ type }: ErrorFacts, names: readonly string[]): boolean {
  return type !== null && names.includes(type);
}

function isAboutModel(facts: ErrorFacts): boolean {
  return facts.status === 404 || isNamed(facts, ['not_found_error']);
}

function blamesRequest({ status }: ErrorFacts): boolean {
  return status === null || status === 400 || status === 413;
}

function factsOf(body: unknown): ErrorFacts {
  const inner = isJsonObject(body) && isJsonObject(body.error) ? body.error : {};
  const details = isJsonObject(inner.details) ? inner.details : {};
  return {
    status: null,
    type: textOf(inner.type),
    code: textOf(details.error_code),
    message: textOf(inner.message) ?? '',
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
