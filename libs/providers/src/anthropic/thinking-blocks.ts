import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Block } from './convert-content.js';

/**
 * Thinking as clients carry it between turns: Anthropic's own blocks with their signatures, and the place each had in
 * the answer. A message's `thinking_blocks` is opaque to clients; they send it back as it came.
 */
export function toThinkingBlock(block: JsonObject, index: number): JsonObject {
  return { ...block, index };
}

export function isThinking(block: unknown): block is Block {
  return isJsonObject(block) && (block.type === 'thinking' || block.type === 'redacted_thinking');
}

/** The blocks with the thinking that a client sent back in its old places; a turn may not end in thinking. */
export function withThinking(blocks: Block[], carried: unknown): Block[] {
  if (!Array.isArray(carried) || blocks.length === 0) return blocks;
  const whole = [...blocks];
  let next = 0;
  for (const block of carried.filter(isThinking)) {
    const { index, ...thinking } = block;
    const place = typeof index === 'number' ? Math.max(index, next) : next;
    const at = Math.min(place, whole.length - 1);
    whole.splice(at, 0, thinking as Block);
    next = at + 1;
  }
  return whole;
}
