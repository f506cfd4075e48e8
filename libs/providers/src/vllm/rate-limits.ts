/** vLLM itself says nothing of rate limits; a gateway before it speaks as OpenAI does. */
export { readRateLimits } from '../openai/rate-limits.js';
