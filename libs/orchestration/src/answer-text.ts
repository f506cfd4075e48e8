import { isJsonObject, type JsonObject } from '#contracts/json.js';

/**
 * What the first choice of a chat completion says: its text, else its refusal, else its tool calls in readable form. Empty
 * when it says nothing at all.
 */
export function answerOf(completion: JsonObject): string {
  const message = messageOf(firstChoice(completion));
  const text = textOf(message.content);
  if (text.trim() !== '') return text;
  if (typeof message.refusal === 'string' && message.refusal.trim() !== '') return message.refusal;
  return callsText(message) || text;
}

/** A copy whose first choice says exactly this text; its other choices and fields, tool calls too, stay. */
export function completionWith(completion: JsonObject, text: string): JsonObject {
  const first = firstChoice(completion);
  const changed = { index: 0, ...first, message: { role: 'assistant', ...messageOf(first), content: text } };
  return { ...completion, choices: [changed, ...choicesOf(completion).slice(1)] };
}

/** The tool calls of an assistant's message, one a line: name and arguments. Empty when there are none. */
export function callsText(message: JsonObject): string {
  const calls = Array.isArray(message.tool_calls) ? (message.tool_calls as unknown[]) : [];
  return [...calls.map(toCall), message.function_call]
    .filter(isJsonObject)
    .map(({ name, arguments: json, input }) => `[tool call] ${String(name)}(${callInput(json, input)})`)
    .join('\n');
}

/** Models cut a text into parts anywhere, so nothing is put between them. */
function textOf(content: unknown): string {
  if (typeof content === 'string') return content;
  if (!Array.isArray(content)) return '';
  return content.map((part: unknown) => (isJsonObject(part) ? partText(part) : '')).join('');
}

function partText({ text, refusal }: JsonObject): string {
  if (typeof text === 'string') return text;
  return typeof refusal === 'string' ? refusal : '';
}

function toCall(call: unknown): unknown {
  return isJsonObject(call) ? (call.function ?? call.custom) : null;
}

/** A function's arguments are JSON text already; a custom tool's input is any text. */
function callInput(json: unknown, input: unknown): string {
  if (typeof json === 'string') return json.trim();
  return JSON.stringify(json ?? input ?? {});
}

function choicesOf(completion: JsonObject): unknown[] {
  return Array.isArray(completion.choices) ? (completion.choices as unknown[]) : [];
}

function firstChoice(completion: JsonObject): JsonObject {
  const [first] = choicesOf(completion);
  return isJsonObject(first) ? first : {};
}

function messageOf({ message }: JsonObject): JsonObject {
  return isJsonObject(message) ? message : {};
}
