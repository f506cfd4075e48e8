import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { toUpstreamBody as toOpenAiBody } from '../openai/convert-messages.js';
import type { ProviderCall } from '../provider-adapter.js';

/**
 * The client's body as vLLM gets it, as JSON text. Every field goes through untouched, vLLM's own ones too; only a
 * `developer` message becomes a `system` one, because most models' chat templates refuse or drop roles that they do not know
 * (vLLM does the same in its Responses API: https://github.com/vllm-project/vllm/pull/43590).
 */
export function toUpstreamBody(call: Pick<ProviderCall, 'body' | 'upstreamModel'>, streamed: boolean): string {
  const { messages } = call.body;
  if (!Array.isArray(messages) || !messages.some(isFromDeveloper)) return toOpenAiBody(call, streamed);
  const body = { ...call.body, messages: messages.map(fromDeveloperToSystem) };
  return toOpenAiBody({ ...call, body }, streamed);
}

function isFromDeveloper(message: unknown): message is JsonObject {
  return isJsonObject(message) && message.role === 'developer';
}

function fromDeveloperToSystem(message: unknown): unknown {
  return isFromDeveloper(message) ? { ...message, role: 'system' } : message;
}
