import { TokenhubError } from '#contracts/error-catalogue.js';
import type { KeyCharge, KeyLevel, KeyRefusal, KeyRule } from '#contracts/key-limits.js';
import { rateLimitHeaders, secondsOf } from '../http/rate-limit-headers.js';

/** OpenAI's SDK for Node obeys no longer `Retry-After`, but tries again at once: it is told not to. */
const LONGEST_RETRY_S = 60;

const EXPECTED = ' tokens with the answer that is expected';

const WORDS: Record<KeyRule, { may: string; counted: string | null }> = {
  rpm: { may: 'make # requests a minute', counted: null },
  rpd: { may: 'make # requests a day', counted: null },
  tpm: { may: 'use # tokens a minute', counted: EXPECTED },
  tpd: { may: 'use # tokens a day', counted: EXPECTED },
  itpm: { may: 'use # input tokens a minute', counted: '' },
  otpm: { may: 'use # output tokens a minute', counted: ' in the answer that is expected' },
  concurrency: { may: 'have # unfinished jobs at once', counted: null },
};

/** The error of a request that a limit of its key refuses at this moment: which rule, and when to come back. */
export function limitExceeded(key: string, refusal: KeyRefusal, levels: readonly KeyLevel[]): TokenhubError {
  const { charge, waitMs } = refusal;
  const retryAfterS = secondsOf(waitMs);
  return new TokenhubError('rate_limit_exceeded', `${describe(key, charge)}; try again in ${retryAfterS} s.`, {
    retryAfterS,
    ...(retryAfterS > LONGEST_RETRY_S && { shouldRetry: false }),
    limit: { rule: charge.rule, limit: charge.limit, retryAfterMs: waitMs },
    headers: rateLimitHeaders(levels, refusal),
  });
}

/** The error of a request that alone is beyond a limit of its key: no wait would help. */
export function beyondLimit(key: string, charge: KeyCharge): TokenhubError {
  return new TokenhubError('key_limit_exceeded', `${describe(key, charge)}: it can never be accepted.`, {
    extensions: { rule: charge.rule, limit: charge.limit },
  });
}

function describe(key: string, { rule, limit, cost }: KeyCharge): string {
  const { may, counted } = WORDS[rule];
  const plural = limit === 1 ? may.replace(/(request|token|job)s\b/, '$1') : may;
  const counts = counted === null ? '' : `, and this request counts ${cost}${counted}`;
  return `The key ${key} may ${plural.replace('#', String(limit))} (rule ${rule})${counts}`;
}
