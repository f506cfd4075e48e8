import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ProviderCall } from '../provider-adapter.js';

/**
 * The client's body as the provider gets it, as JSON text: with the provider's own name for the model, and with the
 * stream fields that the call needs. Everything else goes through untouched, unknown fields too; only `thinking_blocks`,
 * which a message brings from an Anthropic model, mean nothing here and are refused by OpenAI.
 */
export function toUpstreamBody(call: Pick<ProviderCall, 'body' | 'upstreamModel'>, streamed: boolean): string {
  const { stream, stream_options: options, ...rest } = call.body;
  const body = { ...withoutThinking(rest), model: call.upstreamModel };
  if (!streamed) return JSON.stringify(body);
  // Usage is always asked for: a stream that does not report it would have to be billed by our own count.
  const streamOptions = { ...(isJsonObject(options) ? options : {}), include_usage: true };
  return JSON.stringify({ ...body, stream: true, stream_options: streamOptions });
}

function withoutThinking(body: JsonObject): JsonObject {
  const { messages } = body;
  if (!Array.isArray(messages) || !messages.some(hasThinking)) return body;
  return {
    ...body,
    messages: messages.map((message: unknown) => {
      if (!hasThinking(message)) return message;
      const { thinking_blocks: _opaque, ...rest } = message;
      return rest;
    }),
  };
}

function hasThinking(message: unknown): message is JsonObject {
  return isJsonObject(message) && 'thinking_blocks' in message;
}
