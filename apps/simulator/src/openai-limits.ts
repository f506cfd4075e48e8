import type { LimitName } from './limit-settings.js';
import { goDuration, retryAfter } from './limit-times.js';
import type { LimitWords } from './protocol.js';
import type { LimitState, Refusal } from './rate-limiter.js';

const ORGANIZATION = 'org-simulator';
const LEARN_MORE = 'Visit https://platform.openai.com/account/rate-limits to learn more.';
const UNITS: Record<LimitName, string> = {
  rpm: 'requests per min (RPM)',
  tpm: 'tokens per min (TPM)',
  itpm: 'input tokens per min (ITPM)',
  otpm: 'output tokens per min (OTPM)',
  concurrency: 'concurrent requests',
};
/** OpenAI names these two alone. */
const HEADER_NAMES: Partial<Record<LimitName, string>> = { rpm: 'requests', tpm: 'tokens' };

/** Limits in OpenAI's words: refusals as its users report them, durations as Go prints them. */
export const OPENAI_LIMITS: LimitWords = {
  counting: 'openai',
  headers: (states) => Object.assign({}, ...states.map(headersOf)) as Record<string, string>,
  refusal: (refusal, model) => ({
    status: 429,
    type: refusal.name === 'rpm' || refusal.name === 'concurrency' ? 'requests' : 'tokens',
    code: 'rate_limit_exceeded',
    message: `${reason(refusal, model)} ${LEARN_MORE}`,
    headers: {
      ...retryAfter(refusal.waitMs),
      ...(refusal.waitMs === null ? {} : { 'retry-after-ms': String(refusal.waitMs) }),
    },
  }),
};

function reason({ name, limit, used, requested, waitMs }: Refusal, model: string): string {
  const where = `for ${model} in organization ${ORGANIZATION} on ${UNITS[name]}: Limit ${limit},`;
  if (name === 'concurrency') {
    return `Rate limit reached ${where} Used ${used}, Requested ${requested}. Please try again later.`;
  }
  return waitMs === null
    ? `Request too large ${where} Requested ${requested}. The input or output tokens must be reduced in order to run successfully.`
    : `Rate limit reached ${where} Used ${used}, Requested ${requested}. Please try again in ${goDuration(waitMs)}.`;
}

function headersOf({ name, limit, remaining, resetMs }: LimitState): Record<string, string> {
  const header = HEADER_NAMES[name];
  if (header === undefined) return {};
  return {
    [`x-ratelimit-limit-${header}`]: String(limit),
    [`x-ratelimit-remaining-${header}`]: String(remaining),
    [`x-ratelimit-reset-${header}`]: goDuration(resetMs),
  };
}
