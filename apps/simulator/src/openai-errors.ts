import type { IncomingHttpHeaders } from 'node:http';
import { RequestProblem, type ModelRequest, type Problem, type ProblemWish } from './protocol.js';

interface Words {
  type: string;
  code: string | null;
  message: string;
  param?: string;
}

const INVALID = 'invalid_request_error';

/** OpenAI's words by status, and by status and code where a status has several meanings. */
const WORDS: Record<string, Words> = {
  '400': { type: INVALID, code: 'invalid_value', message: 'Invalid value in the request.' },
  '400 context_length_exceeded': {
    type: INVALID,
    code: 'context_length_exceeded',
    message:
      "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 tokens. Please reduce the length of the messages.",
    param: 'messages',
  },
  '400 content_filter': {
    type: INVALID,
    code: 'content_filter',
    message:
      'The response was filtered due to the prompt triggering the content management policy. Please modify your prompt and retry.',
    param: 'prompt',
  },
  '401': { type: INVALID, code: 'invalid_api_key', message: 'Incorrect API key provided: sk-****abcd.' },
  '403': {
    type: 'request_forbidden',
    code: 'unsupported_country_region_territory',
    message: 'Country, region, or territory not supported',
  },
  '404': {
    type: INVALID,
    code: 'model_not_found',
    message: 'The model does not exist or you do not have access to it.',
  },
  '409': {
    type: 'conflict_error',
    code: null,
    message: 'The resource is being changed by another request. Please try again.',
  },
  '413': { type: INVALID, code: 'request_too_large', message: 'The request is too large.' },
  '429': {
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: 'Rate limit reached for requests. Limit: 3 / min. Please try again in 20s.',
  },
  '429 insufficient_quota': {
    type: 'insufficient_quota',
    code: 'insufficient_quota',
    message: 'You exceeded your current quota, please check your plan and billing details.',
  },
  '500': {
    type: 'server_error',
    code: null,
    message: 'The server had an error while processing your request. Sorry about that!',
  },
  '503': {
    type: 'service_unavailable_error',
    code: 'server_is_overloaded',
    message: 'Our servers are currently overloaded. Please try again later.',
  },
};

/** Completes an error in OpenAI's words for its status and code. */
export function openaiProblem(wish: ProblemWish): Problem {
  const words = WORDS[`${wish.status} ${wish.code ?? ''}`] ?? WORDS[String(wish.status)] ?? fallback(wish.status);
  return {
    status: wish.status,
    message: wish.message ?? words.message,
    type: wish.type ?? words.type,
    code: wish.code === undefined ? words.code : wish.code,
    param: wish.param === undefined ? (words.param ?? null) : wish.param,
    headers: wish.headers,
  };
}

/** OpenAI's error body. */
export function openaiErrorBody({ message, type, param, code }: Problem): string {
  return JSON.stringify({ error: { message, type, param, code } });
}

/** Throws OpenAI's 401 unless the headers carry the key. */
export function requireApiKey(headers: IncomingHttpHeaders, apiKey: string): void {
  const given = /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
  if (given === undefined) {
    throw new RequestProblem(
      openaiProblem({
        status: 401,
        code: null,
        message:
          "You didn't provide an API key. You need to provide your API key in an Authorization header using Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
      }),
    );
  }
  if (given !== apiKey) {
    throw new RequestProblem(openaiProblem({ status: 401, message: `Incorrect API key provided: ${masked(given)}.` }));
  }
}

/** Throws OpenAI's 400 or 404 unless the request names a model that is served; an empty list serves any. */
export function requireModel(model: string, served: readonly string[]): void {
  if (model === '') {
    throw badRequest({ code: null, message: 'you must provide a model parameter' });
  }
  if (served.length > 0 && !served.includes(model)) {
    const message = `The model \`${model}\` does not exist or you do not have access to it.`;
    throw new RequestProblem(openaiProblem({ status: 404, message }));
  }
}

/** A 400 in OpenAI's shape, to be thrown. */
export function badRequest(wish: Omit<ProblemWish, 'status'>): RequestProblem {
  return new RequestProblem(openaiProblem({ status: 400, ...wish }));
}

/** An optional whole number of the body within its bounds; null when absent. Throws OpenAI's 400. */
export function wholeNumber(
  request: ModelRequest,
  param: string,
  { min, max }: { min: number; max: number },
): number | null {
  const value = request.body[param];
  if (value === undefined || value === null) {
    return null;
  }
  if (typeof value !== 'number' || !Number.isInteger(value)) {
    throw badRequest({ code: 'invalid_type', param, message: `Invalid type for '${param}': expected an integer.` });
  }
  if (value < min || value > max) {
    const message = `Invalid '${param}': integer out of range. Expected a value between ${min} and ${max}, but got ${value} instead.`;
    throw badRequest({ code: value < min ? 'integer_below_min_value' : 'integer_above_max_value', param, message });
  }
  return value;
}

function fallback(status: number): Words {
  return status >= 500
    ? { type: 'server_error', code: null, message: `The server answered ${status}.` }
    : { type: INVALID, code: null, message: `The request was refused with ${status}.` };
}

function masked(key: string): string {
  return key.length < 12 ? '*'.repeat(key.length) : `${key.slice(0, 3)}${'*'.repeat(8)}${key.slice(-4)}`;
}
