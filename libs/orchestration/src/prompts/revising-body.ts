import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { quote } from '../quote.js';
import { truncateMiddle } from '../truncate-middle.js';

/** However long the draft is, an opinion keeps this share of the room: a revision without it would be a mere copy. */
const OPINION_SHARE = 1 / 4;

/**
 * Only said where there are tools: a draft that called one stands in the conversation as text, and would be answered in kind.
 */
const CALL_TOOLS = 'If the answer is to call a tool, call it instead of describing the call.';

export interface RevisingPrompt {
  /** Before the quote: what happened to the draft. */
  intro: string;
  task: string;
  opinion: { label: string; text: string };
  draft: string;
  quoteCharacters: number | null;
}

/**
 * The body for the author who revises: the client's request with all of its fields, so that tools, form and style hold for
 * the final answer too; its messages unchanged, then the draft as the author's own turn (vendors refuse an empty one), then
 * the opinion as a quote and the task. No system message of ours: the client's is the only one.
 */
export function revisingBody(request: JsonObject, prompt: RevisingPrompt): JsonObject {
  const { draft, opinion } = fitted(prompt);
  const messages = Array.isArray(request.messages) ? (request.messages as unknown[]) : [];
  const quoted = quote(prompt.opinion.label, opinion, prompt.task);
  const task = hasTools(request) ? `${prompt.task} ${CALL_TOOLS}` : prompt.task;
  return {
    ...request,
    messages: [
      ...messages,
      ...(draft.trim() === '' ? [] : [{ role: 'assistant', content: draft }]),
      { role: 'user', content: `${prompt.intro}\n\n${quoted}\n\n${task}` },
    ],
  };
}

/** The opinion gives way first, since the answer is made of the draft. */
function fitted({ draft, opinion, quoteCharacters: bound }: RevisingPrompt): { draft: string; opinion: string } {
  if (bound === null) return { draft, opinion: opinion.text };
  const room = Math.max(bound - draft.length, Math.floor(bound * OPINION_SHARE));
  const short = truncateMiddle(opinion.text, room);
  return { draft: truncateMiddle(draft, bound - short.length), opinion: short };
}

function hasTools({ tools, functions }: JsonObject): boolean {
  return [tools, functions].some((list) => Array.isArray(list) && list.some(isJsonObject));
}
