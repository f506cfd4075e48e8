import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { OutputSpec } from '#contracts/orchestration.js';

/** As much of an earlier answer as is shown to the model again: some five thousand tokens. */
const LONGEST_ANSWER = 20_000;

/** The instruction for a format; null when no format is asked for. */
export function askForFormat({ format, schema }: OutputSpec): string | null {
  switch (format) {
    case null:
      return null;
    case 'json':
      // "Nothing else" alone is not enough: models fence JSON unless the fence is named. A schema stands on a line of its own, as
      // compact JSON: indentation would cost tokens and say nothing.
      return schema
        ? `Answer with JSON only: no code fence, no words before or after it. The JSON must match this JSON Schema:\n${JSON.stringify(schema)}`
        : 'Answer with JSON only, as one object or array: no code fence, no words before or after it.';
    case 'xml':
      // The two rules that models break most: more than one root, and a bare & or <. A DTD is refused, so it is named.
      return 'Answer with one well-formed XML document only: a single root element, & and < escaped, no document type, no code fence, no words before or after it.';
    case 'markdown':
      // Asked for Markdown, models tend to put the whole answer into a code block.
      return 'Answer in Markdown. Do not put the whole answer into a code fence.';
    case 'text':
      // Named one by one, because "plain text" alone does not keep models from headings and bold words.
      return 'Answer in plain text, without any Markdown: no headings, no bold or italic words, no tables, no code fences.';
  }
}

/** What the user says after an answer that was not what was asked for. */
export function askAgain(spec: OutputSpec, errors: readonly string[]): string {
  // The faults come first and word for word: a model that is only told "invalid" changes something else. "The whole answer", or
  // it sends the corrected part. The instruction is repeated, because by now it is far up in the conversation.
  const faults = errors.map((error) => `- ${error}`).join('\n');
  const instruction = askForFormat(spec);
  return [
    `Your answer cannot be used:\n${faults}`,
    'Send the whole answer again with these faults corrected and the rest unchanged. Do not apologise or explain.',
    ...(instruction === null ? [] : [instruction]),
  ].join('\n\n');
}

/**
 * A copy of a chat body with the instruction for its output in it: at the end of the last of the system or developer messages
 * that it begins with, where it neither breaks up the client's own words nor counts as the user's.
 */
export function applyOutput(body: JsonObject, spec: OutputSpec): JsonObject {
  const instruction = askForFormat(spec);
  if (instruction === null) return { ...body };
  const messages = messagesOf(body);
  const firstOther = messages.findIndex((message) => !isSystem(message));
  const last = (firstOther === -1 ? messages.length : firstOther) - 1;
  const system = messages[last];
  if (!isJsonObject(system)) return { ...body, messages: [{ role: 'system', content: instruction }, ...messages] };
  return { ...body, messages: messages.with(last, { ...system, content: append(system.content, instruction) }) };
}

/** A copy of a chat body that shows the model its invalid answer and asks again. */
export function againAfter(
  body: JsonObject,
  { text, errors, spec }: { text: string; errors: readonly string[]; spec: OutputSpec },
): JsonObject {
  // Anthropic refuses a message without text.
  const answer = text.trim() === '' ? '(nothing)' : shorten(text);
  return {
    ...body,
    messages: [
      ...messagesOf(body),
      { role: 'assistant', content: answer },
      { role: 'user', content: askAgain(spec, errors) },
    ],
  };
}

/**
 * The schema as providers take it; null when there is none. Not strict: OpenAI's strict mode takes only a subset of JSON Schema
 * (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas: every property required, no further ones), which
 * clients' schemas are rarely in. Even so OpenAI refuses a root that is not an object; the instruction has to do there.
 */
export function nativeFormat({ format, schema }: OutputSpec): JsonObject | null {
  if (format !== 'json' || schema?.type !== 'object') return null;
  return { type: 'json_schema', json_schema: { name: 'answer', schema } };
}

function messagesOf(body: JsonObject): unknown[] {
  return Array.isArray(body.messages) ? body.messages : [];
}

function isSystem(message: unknown): boolean {
  return isJsonObject(message) && (message.role === 'system' || message.role === 'developer');
}

function append(content: unknown, instruction: string): unknown {
  if (Array.isArray(content)) return [...(content as unknown[]), { type: 'text', text: instruction }];
  return typeof content === 'string' && content.trim() !== '' ? `${content}\n\n${instruction}` : instruction;
}

/** The beginning and the end of a long answer, with a marker between them; never half of a surrogate pair. */
function shorten(text: string): string {
  if (text.length <= LONGEST_ANSWER) return text;
  const marker = `\n[… ${text.length - LONGEST_ANSWER} characters left out …]\n`;
  const half = Math.floor((LONGEST_ANSWER - marker.length) / 2);
  const head = text.slice(0, half).replace(/[\uD800-\uDBFF]$/, '');
  const tail = text.slice(text.length - half).replace(/^[\uDC00-\uDFFF]/, '');
  return head + marker + tail;
}
