/** vLLM reports usage as OpenAI does; its details are null unless the server was started to count them. */
export { toUsage } from '../openai/convert-usage.js';
