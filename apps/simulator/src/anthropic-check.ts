import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { badRequest } from './anthropic-errors.js';
import { signatureOf } from './anthropic-wire.js';

export interface Message {
  role: 'user' | 'assistant';
  content: JsonObject[];
}

const FIELDS: ReadonlySet<string> = new Set([
  ...[
    'model',
    'messages',
    'max_tokens',
    'system',
    'stop_sequences',
    'stream',
    'temperature',
    'top_p',
    'top_k',
    'tools',
  ],
  ...['tool_choice', 'thinking', 'output_config', 'cache_control', 'service_tier', 'metadata', 'container'],
  ...['inference_geo', 'simulator'],
]);

/** Refuses what Anthropic refuses: a field that it does not have, and values out of range. Throws RequestProblem. */
export function checkFields(body: JsonObject): void {
  const extra = Object.keys(body).find((field) => !FIELDS.has(field));
  if (extra !== undefined) throw badRequest(`${extra}: Extra inputs are not permitted`);
  if (typeof body.temperature === 'number' && (body.temperature < 0 || body.temperature > 1)) {
    throw badRequest('temperature: range: 0..1');
  }
  if (body.tool_choice !== undefined && !Array.isArray(body.tools)) {
    throw badRequest('tool_choice: may only be specified while providing tools');
  }
  const stops: unknown[] = Array.isArray(body.stop_sequences) ? body.stop_sequences : [];
  if (stops.some((stop) => typeof stop !== 'string' || stop.trim() === '')) {
    throw badRequest('stop_sequences: each stop sequence must contain non-whitespace');
  }
}

/** The messages with their contents as blocks; refuses what Anthropic refuses. Throws RequestProblem. */
export function readMessages(value: unknown): Message[] {
  if (!Array.isArray(value)) throw badRequest('messages: Field required');
  if (value.length === 0) throw badRequest('messages: at least one message is required');
  const messages = value.map(readMessage);
  messages.forEach((message, index) => {
    checkResults(messages, index);
    for (const [at, block] of message.content.entries()) checkBlock(block, `messages.${index}.content.${at}`);
  });
  return messages;
}

function readMessage(message: unknown, index: number): Message {
  const at = `messages.${index}`;
  if (!isJsonObject(message)) throw badRequest(`${at}: Input should be an object`);
  const { role, content } = message;
  if (role !== 'user' && role !== 'assistant') throw badRequest(`${at}.role: Input should be 'user' or 'assistant'`);
  const blocks: unknown = typeof content === 'string' ? [{ type: 'text', text: content }] : content;
  if (!Array.isArray(blocks) || !blocks.every(isJsonObject)) {
    throw badRequest(`${at}.content: Input should be a valid string or list`);
  }
  if (blocks.length === 0) throw badRequest(`${at}: all messages must have non-empty content`);
  return { role, content: blocks };
}

function checkBlock(block: JsonObject, at: string): void {
  if (block.type === 'text' && (typeof block.text !== 'string' || block.text.trim() === '')) {
    throw badRequest(`${at}: text content blocks must contain non-whitespace text`);
  }
  if (block.type === 'tool_use' && !isJsonObject(block.input)) {
    throw badRequest(`${at}.tool_use.input: Input should be a valid dictionary`);
  }
  if (block.type === 'thinking' && block.signature !== signatureOf(String(block.thinking))) {
    throw badRequest(`${at}: Invalid \`signature\` in \`thinking\` block`);
  }
  if (block.type === 'image' || block.type === 'document') checkSource(block.source, `${at}.${block.type}.source`);
}

function checkSource(source: unknown, at: string): void {
  const { type, url, data, media_type: mediaType } = isJsonObject(source) ? source : {};
  const whole = type === 'url' ? typeof url === 'string' : typeof data === 'string' && typeof mediaType === 'string';
  if (!whole) throw badRequest(`${at}: Input should be a base64 or url source`);
}

/** Each call has its result at the start of the next message, and each result its call in the message before. */
function checkResults(messages: readonly Message[], index: number): void {
  const { content } = messages[index] ?? { content: [] };
  const asked = idsOf(messages[index - 1], 'tool_use', 'id');
  const given = idsOf(messages[index], 'tool_result', 'tool_use_id');
  const stray = given.find((id) => !asked.includes(id));
  if (stray !== undefined) {
    throw badRequest(
      `messages.${index}.content: unexpected \`tool_use_id\` found in \`tool_result\` blocks: ${stray}. Each \`tool_result\` block must have a corresponding \`tool_use\` block in the previous message.`,
    );
  }
  const missing = asked.filter((id) => !given.includes(id));
  const late = content.slice(0, given.length).some(({ type }) => type !== 'tool_result');
  if (missing.length > 0 || late) {
    throw badRequest(
      `messages.${index - 1}: \`tool_use\` ids were found without \`tool_result\` blocks immediately after: ${missing.join(', ')}.`,
    );
  }
}

function idsOf(message: Message | undefined, type: string, field: string): string[] {
  const ids = (message?.content ?? []).filter((block) => block.type === type).map((block) => block[field]);
  return ids.filter((id) => typeof id === 'string');
}
