import { isJsonObject } from '#contracts/json.js';
import type { ProviderCall } from '../provider-adapter.js';

/**
 * The client's body as the provider gets it, as JSON text: with the provider's own name for the model, and with the
 * stream fields that the call needs. Everything else goes through untouched, unknown fields too.
 */
export function toUpstreamBody(call: Pick<ProviderCall, 'body' | 'upstreamModel'>, streamed: boolean): string {
  const { stream, stream_options: options, ...rest } = call.body;
  const body = { ...rest, model: call.upstreamModel };
  if (!streamed) return JSON.stringify(body);
  // Usage is always asked for: a stream that does not report it would have to be billed by our own count.
  const streamOptions = { ...(isJsonObject(options) ? options : {}), include_usage: true };
  return JSON.stringify({ ...body, stream: true, stream_options: streamOptions });
}
