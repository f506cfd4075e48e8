import { retryAfter } from './limit-times.js';
import type { LimitWords } from './protocol.js';

/**
 * vLLM limits concurrency alone, by the length of its queue, and names no headers for it; what is limited per minute
 * here stands for a proxy before it.
 */
export const VLLM_LIMITS: LimitWords = {
  counting: 'openai',
  headers: () => ({}),
  refusal: ({ name, waitMs }) =>
    name === 'concurrency'
      ? { status: 503 }
      : {
          status: 429,
          message: 'Too many requests. Please try again later.',
          headers: retryAfter(waitMs),
        },
};
