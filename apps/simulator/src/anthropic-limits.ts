import type { RateName } from './limit-settings.js';
import { retryAfter, wholeSecond } from './limit-times.js';
import type { LimitWords } from './protocol.js';
import type { LimitState, Refusal } from './rate-limiter.js';

const UNITS: Record<RateName, string> = {
  rpm: 'requests per minute',
  tpm: 'tokens per minute',
  itpm: 'input tokens per minute',
  otpm: 'output tokens per minute',
};
const HEADER_NAMES: Record<RateName, string> = {
  rpm: 'requests',
  tpm: 'tokens',
  itpm: 'input-tokens',
  otpm: 'output-tokens',
};

/** Limits in Anthropic's words: refusals as its users report them, resets as times of day. */
export const ANTHROPIC_LIMITS: LimitWords = {
  counting: 'anthropic',
  headers: (states, nowMs) =>
    Object.assign({}, ...withTotal(states).map((state) => headersOf(state, nowMs))) as Record<string, string>,
  refusal: (refusal, model) => ({
    status: 429,
    message: reason(refusal, model),
    headers: retryAfter(refusal.waitMs),
  }),
};

function reason({ name, limit }: Refusal, model: string): string {
  if (name === 'concurrency') {
    return 'Number of concurrent connections has exceeded your rate limit. Please try again later or contact sales at https://claude.com/contact-sales to discuss your options for a rate limit increase.';
  }
  const amount = `${limit.toLocaleString('en-US')} ${UNITS[name]}`;
  return `This request would exceed your organization's rate limit of ${amount} (org: simulator, model: ${model}). For details, refer to: https://docs.claude.com/en/api/rate-limits. You can see the response headers for current usage. Please reduce the prompt length or the maximum tokens requested, or try again later. You may also contact sales at https://claude.com/contact-sales to discuss your options for a rate limit increase.`;
}

/** Without a limit on tokens of both kinds, that header is the sum of the two. */
function withTotal(states: readonly LimitState[]): LimitState[] {
  const parts = states.filter(({ name }) => name === 'itpm' || name === 'otpm');
  if (parts.length < 2 || states.some(({ name }) => name === 'tpm')) return [...states];
  const sum = (figure: (state: LimitState) => number) => parts.reduce((total, state) => total + figure(state), 0);
  const resetMs = Math.max(...parts.map((state) => state.resetMs));
  return [...states, { name: 'tpm', limit: sum((s) => s.limit), remaining: sum((s) => s.remaining), resetMs }];
}

function headersOf({ name, limit, remaining, resetMs }: LimitState, nowMs: number): Record<string, string> {
  const prefix = `anthropic-ratelimit-${HEADER_NAMES[name]}`;
  return {
    [`${prefix}-limit`]: String(limit),
    [`${prefix}-remaining`]: String(remaining),
    [`${prefix}-reset`]: wholeSecond(nowMs + resetMs),
  };
}
