import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { callsText } from './answer-text.js';
import { codeFor, type Quoted } from './quote.js';

/** What an author was given, as material for somebody who judges the answer. */
export interface Conversation {
  /** Instructions, messages, tools and the form of the answer; each only where there is one. */
  quoted: Quoted[];
  /** The client's image parts in order; the texts say `[image 1]` where each stood. */
  images: JsonObject[];
}

/** Reads the conversation of a chat request. */
export function readConversation(request: JsonObject): Conversation {
  const images: JsonObject[] = [];
  const instructions: string[] = [];
  const turns: Turn[] = [];
  for (const message of listOf(request.messages).filter(isJsonObject)) {
    const text = messageText(message, images);
    if (message.role === 'system' || message.role === 'developer') instructions.push(text);
    else turns.push({ role: roleOf(message.role), text });
  }
  const quoted = [
    { label: 'the instructions that the author was given', text: instructions.join('\n\n') },
    transcriptOf(turns),
    { label: 'the tools that the author could call', text: toolsText(request) },
    { label: 'the form that the answer had to have', text: formText(request.response_format) },
  ];
  return { quoted: quoted.filter(({ text }) => text !== ''), images };
}

interface Turn {
  role: string;
  text: string;
}

/** Each message is headed by a code that none of them contains, so that a tool's result cannot play the next user's turn. */
function transcriptOf(turns: readonly Turn[]): Quoted {
  const code = codeFor(
    turns.map(({ text }) => text),
    'conversation',
  );
  const text = turns.map((turn, at) => `[${code} ${at + 1}: ${turn.role}]\n${turn.text}`).join('\n\n');
  return { label: `the conversation with the author; each message begins with a line that carries ${code}`, text };
}

const ROLES: ReadonlySet<unknown> = new Set(['user', 'assistant', 'tool', 'function']);

/** A role that nobody knows is the client's own text, and would stand in a heading. */
function roleOf(role: unknown): string {
  return ROLES.has(role) ? (role as string) : 'other';
}

function messageText(message: JsonObject, images: JsonObject[]): string {
  const { content, refusal } = message;
  const said = Array.isArray(content)
    ? content.map((part: unknown) => (isJsonObject(part) ? partText(part, images) : '')).join('')
    : content;
  return [said, refusal, callsText(message)]
    .filter((text) => typeof text === 'string')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .join('\n');
}

function partText(part: JsonObject, images: JsonObject[]): string {
  if (typeof part.text === 'string') return part.text;
  if (typeof part.refusal === 'string') return part.refusal;
  if (part.type === 'image_url') return `\n[image ${images.push(part)}]\n`;
  return `\n[${String(part.type)} that is not shown here]\n`;
}

function toolsText(request: JsonObject): string {
  return [...listOf(request.tools), ...listOf(request.functions)].filter(isJsonObject).map(toolLine).join('\n');
}

/** Without the schema of its arguments, which says little about an answer and is often longer than the conversation. */
function toolLine(tool: JsonObject): string {
  const described = [tool.function, tool.custom, tool].find(isJsonObject) ?? tool;
  const name = String(described.name ?? tool.type);
  return typeof described.description === 'string' ? `- ${name}: ${described.description}` : `- ${name}`;
}

/** So that nobody finds fault with bare JSON. */
function formText(format: unknown): string {
  if (!isJsonObject(format) || format.type === 'text') return '';
  const schema = isJsonObject(format.json_schema) ? format.json_schema.schema : undefined;
  return schema === undefined ? 'A JSON value and nothing else.' : `JSON that satisfies: ${JSON.stringify(schema)}`;
}

function listOf(value: unknown): unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}
