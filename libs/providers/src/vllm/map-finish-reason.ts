/**
 * vLLM's reasons are OpenAI's, and `abort` or `error` where it dropped a request, which are no end. What it adds to them
 * (`stop_reason`: the stop string or token that was met) is a field of its own and goes through.
 */
export { toFinishReason } from '../openai/map-finish-reason.js';
