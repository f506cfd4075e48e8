import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { isThinking, toThinkingBlock } from './thinking-blocks.js';

/** Anthropic's content blocks as OpenAI's message; blocks that OpenAI has no place for are left out. */
export function toMessage(content: unknown[]): JsonObject {
  const blocks = content.filter(isJsonObject);
  const texts = blocks.filter(({ type }) => type === 'text').map(({ text }) => text);
  const thoughts = blocks.filter(({ type }) => type === 'thinking').map(({ thinking }) => thinking);
  const signed = content.flatMap((block, index) => (isThinking(block) ? [toThinkingBlock(block, index)] : []));
  const calls = blocks.filter(({ type }) => type === 'tool_use').map(toToolCall);
  return {
    role: 'assistant',
    content: texts.length > 0 ? texts.join('') : null,
    refusal: null,
    ...(thoughts.length > 0 ? { reasoning_content: thoughts.join('') } : {}),
    ...(signed.length > 0 ? { thinking_blocks: signed } : {}),
    ...(calls.length > 0 ? { tool_calls: calls } : {}),
  };
}

/** Why the model refused, as OpenAI's `message.refusal`. */
export function toRefusal(details: unknown): string {
  const said = isJsonObject(details) ? details.explanation : null;
  return typeof said === 'string' && said !== '' ? said : 'The model refused to answer.';
}

/** Now, in unix seconds: Anthropic's answers carry no time. */
export function createdNow(): number {
  return Math.floor(Date.now() / 1000);
}

function toToolCall({ id, name, input }: JsonObject): JsonObject {
  return { id, type: 'function', function: { name, arguments: JSON.stringify(input ?? {}) } };
}
