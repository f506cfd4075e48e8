import type { JsonObject } from '#contracts/json.js';
import { seedOf } from './deterministic-text.js';
import { outputTokens, type Draft, type Finish } from './draft.js';
import type { Frame, FramePart, ServedTokens } from './plan.js';

let lastId = 0;

/** An id that nothing else of this process has. */
export function nextId(prefix: 'msg' | 'req'): string {
  return `${prefix}_sim${(++lastId).toString(36).padStart(16, '0')}`;
}

/** A named server-sent event of Anthropic's. */
export function eventFrame(part: FramePart, event: JsonObject & { type: string }): Frame {
  const text = `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
  return { part, text, tokens: part === 'content' ? 1 : 0 };
}

/** Anthropic's usage object of a draft; what is cached is not in `input_tokens`. */
export function usageOf(draft: Draft): JsonObject {
  return {
    input_tokens: draft.promptTokens - draft.cachedTokens,
    cache_creation_input_tokens: 0,
    cache_read_input_tokens: draft.cachedTokens,
    output_tokens: outputTokens(draft),
    output_tokens_details: { thinking_tokens: draft.reasoningTokens },
    service_tier: 'standard',
  };
}

/** What the usage object reports, for the counters. */
export function servedBy(draft: Draft): ServedTokens {
  return { input: draft.promptTokens, output: outputTokens(draft) };
}

/** Why an answer ended, in Anthropic's words; null when a fault leaves it out. */
export function stopReason(finish: Finish, stopped: boolean): string | null {
  switch (finish) {
    case 'stop':
      return stopped ? 'stop_sequence' : 'end_turn';
    case 'length':
      return 'max_tokens';
    case 'tool_calls':
      return 'tool_use';
    case 'content_filter':
      return 'refusal';
    case null:
      return null;
  }
}

/** The signature of a thought: it proves that the thought comes back as it left. */
export function signatureOf(thinking: string): string {
  return Buffer.from(`simulated-${seedOf(thinking).toString(16)}`).toString('base64');
}
