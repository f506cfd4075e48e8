import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { toBlocks, type Block } from './convert-content.js';
import { invalidRequest } from './invalid-request.js';
import { withThinking } from './thinking-blocks.js';

/** A conversation as Anthropic takes it: the system's words apart, the rest in turns that alternate. */
export interface Conversation {
  system: Block[];
  turns: Turn[];
}

export interface Turn {
  role: 'user' | 'assistant';
  content: Block[];
}

/**
 * Hoists system and developer messages and merges neighbours of one role into a turn, the results of tools first, as
 * Anthropic requires. Throws `invalid_request` for what it has no place for.
 */
export function toConversation(messages: unknown): Conversation {
  const conversation: Conversation = { system: [], turns: [] };
  const list: unknown[] = Array.isArray(messages) ? messages : [];
  for (const [index, message] of list.entries()) addMessage(conversation, message, `messages[${index}]`);
  for (const turn of conversation.turns) turn.content = resultsFirst(turn.content);
  return conversation;
}

function addMessage({ system, turns }: Conversation, message: unknown, at: string): void {
  if (!isJsonObject(message)) throw invalidRequest(`${at} is not an object.`, at);
  switch (message.role) {
    case 'system':
    case 'developer':
      system.push(...toBlocks(message.content, `${at}.content`));
      return;
    case 'user':
      addTurn(turns, 'user', toBlocks(message.content, `${at}.content`));
      return;
    case 'assistant':
      addTurn(turns, 'assistant', toAssistantBlocks(message, at));
      return;
    case 'tool':
      addTurn(turns, 'user', [toToolResult(message, { turns, at })]);
      return;
    default:
      throw invalidRequest(`${at} has a role that this provider does not know.`, `${at}.role`);
  }
}

function addTurn(turns: Turn[], role: Turn['role'], content: Block[]): void {
  const last = turns.at(-1);
  if (content.length === 0) return;
  if (last?.role === role) last.content.push(...content);
  else turns.push({ role, content });
}

function toAssistantBlocks(message: JsonObject, at: string): Block[] {
  const said = toBlocks(message.content, `${at}.content`);
  const refused = typeof message.refusal === 'string' && said.length === 0 ? toBlocks(message.refusal, at) : [];
  const calls: unknown[] = Array.isArray(message.tool_calls) ? message.tool_calls : [];
  const called = calls.map((call, index) => toToolUse(call, `${at}.tool_calls[${index}]`));
  return withThinking([...said, ...refused, ...called], message.thinking_blocks);
}

function toToolUse(call: unknown, at: string): Block {
  const spec = isJsonObject(call) && isJsonObject(call.function) ? call.function : null;
  if (!isJsonObject(call) || typeof call.id !== 'string' || typeof spec?.name !== 'string') {
    throw invalidRequest(`${at} is not a call of a function.`, at);
  }
  return { type: 'tool_use', id: toToolId(call.id), name: spec.name, input: parsedArguments(spec.arguments, at) };
}

function parsedArguments(text: unknown, at: string): JsonObject {
  let input: unknown;
  try {
    input = JSON.parse(typeof text === 'string' && text.trim() !== '' ? text : '{}');
  } catch {
    input = null;
  }
  const param = `${at}.function.arguments`;
  if (!isJsonObject(input)) throw invalidRequest(`${param} is not a JSON object.`, param);
  return input;
}

function toToolResult(message: JsonObject, { turns, at }: { turns: Turn[]; at: string }): Block {
  const id = typeof message.tool_call_id === 'string' ? toToolId(message.tool_call_id) : '';
  const before = turns.at(-1)?.role === 'user' ? turns.at(-2) : turns.at(-1);
  if (!before?.content.some((block) => block.type === 'tool_use' && block.id === id)) {
    throw invalidRequest(
      `${at} is the result of a tool call that the assistant's message before it does not make.`,
      `${at}.tool_call_id`,
    );
  }
  const content = toBlocks(message.content, `${at}.content`);
  return {
    type: 'tool_result',
    tool_use_id: id,
    ...(content.length > 0 ? { content } : {}),
    ...(message.is_error === true ? { is_error: true } : {}),
  };
}

/** Anthropic takes letters, digits, `_` and `-`; models on vLLM also write ids such as `functions.get_time:0`. */
function toToolId(id: string): string {
  return id.replace(/[^\w-]/g, '_');
}

function resultsFirst(content: Block[]): Block[] {
  const isResult = ({ type }: Block): boolean => type === 'tool_result';
  return content.some(isResult)
    ? [...content.filter(isResult), ...content.filter((block) => !isResult(block))]
    : content;
}
