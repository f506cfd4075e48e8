import { isJsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import { tooLarge } from './unreadable.js';
import { append, concatenate, keepFirst, mergeFields, nested, type MergeRule } from './merge-fields.js';

/** More choices, and more calls of tools in one, than any request asks for: each piece is looked up among those before it. */
const MOST_CHOICES = 1_024;
const MOST_TOOL_CALLS = 1_024;

/**
 * Takes one choice's delta into what its choice has so far, by index. Merging is associative: however the pieces of a
 * stream are grouped and merged before, the outcome is the same. Throws a ProviderError where there are more of them than anybody asked for.
 */
export function mergeChoice(into: Map<number, ChoiceDelta>, choice: ChoiceDelta): void {
  let target = into.get(choice.index);
  if (!target) {
    if (into.size >= MOST_CHOICES) throw tooLarge(`more than ${MOST_CHOICES} choices`);
    target = { index: choice.index };
    into.set(choice.index, target);
  }
  mergeFields(target, choice, CHOICE);
}

/**
 * Pieces of a tool call share its index. One without an index is taken as a whole call of its own: the vendors that
 * leave it out do not split calls.
 */
const mergeToolCalls: MergeRule = (before, value) => {
  if (!Array.isArray(value)) return value;
  const calls: unknown[] = Array.isArray(before) ? before : [];
  for (const piece of value) {
    if (calls.length >= MOST_TOOL_CALLS) throw tooLarge(`more than ${MOST_TOOL_CALLS} calls of tools`);
    if (!isJsonObject(piece) || typeof piece.index !== 'number') {
      calls.push(piece);
      continue;
    }
    const known = calls.find((call) => isJsonObject(call) && call.index === piece.index);
    if (isJsonObject(known)) mergeFields(known, piece, TOOL_CALL);
    else calls.push(mergeFields({}, piece, TOOL_CALL));
  }
  return calls;
};

const rules = (table: Record<string, MergeRule>): ReadonlyMap<string, MergeRule> => new Map(Object.entries(table));

const FUNCTION = rules({ name: keepFirst, arguments: concatenate });

const TOOL_CALL = rules({
  id: keepFirst,
  type: keepFirst,
  function: nested(FUNCTION),
  custom: nested(rules({ name: keepFirst, input: concatenate })),
});

const LOGPROBS = rules({
  content: append,
  refusal: append,
  tokens: append,
  token_logprobs: append,
  top_logprobs: append,
  text_offset: append,
});

const DELTA = rules({
  role: keepFirst,
  content: concatenate,
  refusal: concatenate,
  reasoning: concatenate,
  reasoning_content: concatenate,
  reasoning_details: append,
  // Anthropic's signed thinking: each delta brings whole blocks.
  thinking_blocks: append,
  annotations: append,
  tool_calls: mergeToolCalls,
  function_call: nested(FUNCTION),
  audio: nested(rules({ id: keepFirst, data: concatenate, transcript: concatenate })),
});

const CHOICE = rules({
  index: keepFirst,
  delta: nested(DELTA),
  text: concatenate,
  logprobs: nested(LOGPROBS),
  // vLLM's return_token_ids: each chunk brings its own.
  token_ids: append,
});
