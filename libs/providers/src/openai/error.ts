import type { IncomingHttpHeaders } from 'node:http';
import type { ErrorClass } from '#contracts/attempt.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { ProviderError } from '../provider-error.js';
import { redact } from '../redact.js';
import { parseErrorBody } from '../unreadable.js';
import { readRetryAfterMs } from '#http/retry-after.js';

/** What an error says, from whichever place it was found in. */
export interface ErrorFacts {
  /** The HTTP status, or the one that a stream's error names; null when there is none. */
  status: number | null;
  code: string | null;
  type: string | null;
  param: string | null;
  message: string | null;
}

/** One line of a vendor's error table. */
export interface ErrorRule {
  errorClass: ErrorClass;
  when: (facts: ErrorFacts) => boolean;
  /** Shown in place of the provider's own code, where that would tell an OpenAI client nothing. */
  code?: string;
}

/** Makes ProviderErrors out of what a vendor says. */
export interface ErrorReader {
  /** For an answer whose status is not a success. */
  errorFromResponse: (
    answer: { status: number; headers: IncomingHttpHeaders; body: Buffer },
    credential: string | null,
  ) => ProviderError;
  /** For an error that came inside a successful answer: an event of a stream, or a body with `error`. */
  errorFromEvent: (body: JsonObject, credential: string | null) => ProviderError;
}

/** How the errors of a server that speaks OpenAI's protocol differ from OpenAI's. */
export interface ErrorHabits {
  /** They come first; OpenAI's decide where none fits. */
  rules: readonly ErrorRule[];
  /** True when the type says more than a class does, and stands in for a code that is missing. */
  typeIsCode: boolean;
}

/** The reader for a server that speaks OpenAI's protocol. */
export function errorReader(habits: ErrorHabits): ErrorReader {
  const { typeIsCode } = habits;
  const rules = [...habits.rules, ...RULES];
  return {
    errorFromResponse: (answer, credential) => {
      const facts = { ...factsOf(parseErrorBody(answer.body)), status: answer.status };
      return toProviderError(facts, { rules, typeIsCode, credential, retryAfterMs: readRetryAfterMs(answer.headers) });
    },
    errorFromEvent: (body, credential) => toProviderError(factsOf(body), { rules, typeIsCode, credential }),
  };
}

/** True for a body that is an error whatever its status was; vLLM's older ones are flat. */
export function isErrorBody(body: JsonObject): boolean {
  return Boolean(body.error) || body.object === 'error';
}

function toProviderError(
  facts: ErrorFacts,
  from: ErrorHabits & { credential: string | null; retryAfterMs?: number | undefined },
): ProviderError {
  const { credential, retryAfterMs } = from;
  const rule = from.rules.find(({ when }) => when(facts));
  const errorClass = rule?.errorClass ?? 'transient';
  const own =
    rule?.code ?? (errorClass === 'context_overflow' ? null : (facts.code ?? (from.typeIsCode ? facts.type : null)));
  const message =
    facts.message ??
    (facts.status === null ? 'The provider reported an error' : `The provider answered HTTP ${facts.status}`);
  return new ProviderError(errorClass, redact(message, credential), {
    status: facts.status ?? undefined,
    code: redact(own ?? DEFAULT_CODES[errorClass], credential),
    param: facts.param === null ? null : redact(facts.param, credential),
    retryAfterMs: errorClass === 'rate_limited' || errorClass === 'transient' ? retryAfterMs : undefined,
    blames: errorClass === 'provider_fault' && isAboutModel(facts) ? 'model' : 'provider',
  });
}

/** The first rule that fits decides. Codes come before statuses: a spent quota is a 429 that no waiting cures. */
const RULES: readonly ErrorRule[] = [
  { errorClass: 'provider_fault', when: isQuota },
  { errorClass: 'content_filtered', when: (facts) => blamesRequest(facts) && isNamed(facts, FILTER_CODES) },
  {
    errorClass: 'context_overflow',
    when: (facts) => blamesRequest(facts) && isNamed(facts, ['context_length_exceeded']),
  },
  {
    errorClass: 'context_overflow',
    when: (facts) => blamesRequest(facts) && CONTEXT_WORDINGS.test(facts.message ?? ''),
  },
  { errorClass: 'rate_limited', when: ({ status }) => status === 429 || status === 529 },
  { errorClass: 'rate_limited', when: (facts) => facts.status === null && isNamed(facts, RATE_CODES) },
  { errorClass: 'transient', when: ({ status }) => status === 408 || status === 409 || (status ?? 0) >= 500 },
  // The path and the model are ours, so a 404 without a more specific code is the configuration's fault, not the client's.
  {
    errorClass: 'provider_fault',
    when: (facts) =>
      facts.status === 404 && (facts.code === null || isNamed(facts, ['model_not_found', 'unknown_url'])),
  },
  // A redirect is a wrong base URL; 402 is an empty account (DeepSeek, OpenRouter).
  {
    errorClass: 'provider_fault',
    when: ({ status }) => (status !== null && status < 400) || status === 401 || status === 402 || status === 403,
  },
  { errorClass: 'provider_fault', when: (facts) => facts.status === null && isNamed(facts, ACCOUNT_CODES) },
  { errorClass: 'invalid_request', when: ({ status }) => status !== null },
  { errorClass: 'invalid_request', when: (facts) => isNamed(facts, ['invalid_request_error', 'invalid_prompt']) },
];

const QUOTA_CODES = [
  'insufficient_quota',
  'credit_balance_exhausted',
  'billing_hard_limit_reached',
  'organization_usage_limit_exceeded',
];
const FILTER_CODES = ['content_filter', 'content_policy_violation'];
const RATE_CODES = ['rate_limit_exceeded', 'rate_limit_error', 'slow_down', 'requests', 'tokens'];
const ACCOUNT_CODES = ['invalid_api_key', 'authentication_error', 'permission_error', 'model_not_found'];

/** OpenAI's two wordings (legacy completions give no code), vLLM's, and Anthropic's through its compatible surface. */
const CONTEXT_WORDINGS =
  /maximum context length is \d+|context length is only|max_model_len|input tokens exceed the configured limit|prompt is too long: \d+ tokens/i;

/** Codes for errors whose provider gave none. */
const DEFAULT_CODES: Record<ErrorClass, string> = {
  rate_limited: 'rate_limit_exceeded',
  context_overflow: 'context_length_exceeded',
  transient: 'server_error',
  provider_fault: 'provider_refused',
  content_filtered: 'content_filter',
  invalid_request: 'invalid_request_error',
};

/** OpenAI's own reader. */
export const { errorFromResponse, errorFromEvent } = errorReader({ rules: [], typeIsCode: true });

function isNamed({ code, type }: ErrorFacts, names: readonly string[]): boolean {
  return names.some((name) => name === code || name === type);
}

/** Spend limits come in many scopes (organization, project, …), all of them named alike. */
function isQuota(facts: ErrorFacts): boolean {
  return (
    isNamed(facts, QUOTA_CODES) || [facts.code, facts.type].some((name) => name?.endsWith('_spend_limit_exceeded'))
  );
}

function isAboutModel(facts: ErrorFacts): boolean {
  return facts.status === 404 || isNamed(facts, ['model_not_found']);
}

function blamesRequest({ status }: ErrorFacts): boolean {
  return status === null || status === 400 || status === 413 || status === 422;
}

/** Reads `{error: {…}}`, a list of one such (Google), `{error: "…"}`, vLLM's flat form and FastAPI's `{detail}`. */
function factsOf(body: unknown): ErrorFacts {
  const outer: unknown = Array.isArray(body) ? body[0] : body;
  if (!isJsonObject(outer)) return { status: null, code: null, type: null, param: null, message: null };
  const inner = isJsonObject(outer.error) ? outer.error : outer;
  const code = inner.code;
  const status = typeof code === 'string' && /^\d{3}$/.test(code) ? Number(code) : code;
  return {
    // vLLM's code is the HTTP status; a stream's error has no other.
    status: typeof status === 'number' && status >= 400 && status < 600 ? status : null,
    code: typeof code === 'string' && !/^\d+$/.test(code) ? code : null,
    type: textOf(inner.type),
    param: textOf(inner.param),
    message: textOf(inner.message) ?? textOf(outer.error) ?? textOf(outer.detail),
  };
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value : null;
}
