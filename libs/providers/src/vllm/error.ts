import { errorReader, type ErrorFacts } from '../openai/error.js';

/**
 * vLLM's errors, `{error: {message, type, param, code}}` or the older flat form: `code` is the HTTP status as a number
 * and the type its name, so that clients get OpenAI's code for the class instead. What these rules leave open is decided
 * by OpenAI's.
 */
export const { errorFromResponse, errorFromEvent } = errorReader({
  typeIsCode: false,
  rules: [
    { errorClass: 'context_overflow', when: isContextOverflow },
    // A full queue (`--max-num-queued-reqs`) is a matter of waiting; a 503 of a dead or a scaling engine is a fault.
    { errorClass: 'rate_limited', code: 'server_is_overloaded', when: isOverload },
    // What this server cannot do it will not do on a second try either, and being asked for it is no sign of bad health.
    { errorClass: 'invalid_request', when: ({ status, type }) => status === 501 || type === 'NotImplementedError' },
    { errorClass: 'provider_fault', code: 'model_not_found', when: isUnknownModel },
  ],
});

/** No code tells a context overflow, but the field that is blamed does, and each version's wording. */
function isContextOverflow({ status, param, message }: ErrorFacts): boolean {
  if (status !== 400 && status !== 413) return false;
  return param === 'input_tokens' || param === 'input_text' || OVERFLOW_WORDINGS.test(message ?? '');
}

const OVERFLOW_WORDINGS = /maximum (?:context|model) length|context length is only|max_model_len/i;

function isOverload({ status, message }: ErrorFacts): boolean {
  return status === 503 && /\bqueue|overload|too many|at capacity/i.test(message ?? '');
}

/** One server serves one model and its adapters, so a 404 without a further reason means the model, too. */
function isUnknownModel({ status, type, param, message }: ErrorFacts): boolean {
  if (status !== 404) return false;
  return param === 'model' || (type === 'NotFoundError' && /\bmodel\b.*does not exist/i.test(message ?? ''));
}
