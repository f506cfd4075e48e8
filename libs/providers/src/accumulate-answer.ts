import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import { mergeChoice } from './merge-choice.js';
import { keepFirst, mergeFields } from './merge-fields.js';
import type { StreamedPiece } from './provider-adapter.js';

/** Turns the pieces of a stream into the body that the same call would have brought without streaming. */
export class AnswerAccumulator {
  readonly #kind: 'chat' | 'completion';
  readonly #choices = new Map<number, ChoiceDelta>();
  readonly #envelope: JsonObject = {};
  #usage: JsonObject | null = null;

  constructor(kind: 'chat' | 'completion') {
    this.#kind = kind;
  }

  /** Takes a piece in; the piece itself is not changed. */
  add(piece: StreamedPiece): void {
    mergeFields(this.#envelope, piece.envelope, ENVELOPE);
    for (const choice of piece.choices) mergeChoice(this.#choices, choice);
  }

  /** The provider's own usage object; the last one counts, since continuous ones grow. */
  addUsage(usage: JsonObject): void {
    this.#usage = usage;
  }

  /** True when at least so many choices were seen and each of them has ended. */
  hasFinished(atLeast = 1): boolean {
    if (this.#choices.size < atLeast) return false;
    return [...this.#choices.values()].every(({ finish_reason: reason }) => isEnd(reason));
  }

  /** The usage object as the provider gave it, or null. */
  get usage(): JsonObject | null {
    return this.#usage;
  }

  /** The whole answer so far, OpenAI-shaped. */
  toBody(): JsonObject {
    const { id, object: _chunk, created, model, ...rest } = this.#envelope;
    const choices = [...this.#choices.values()].sort((a, b) => a.index - b.index);
    return {
      id,
      object: this.#kind === 'chat' ? 'chat.completion' : 'text_completion',
      created,
      model,
      choices: choices.map(this.#kind === 'chat' ? toChatChoice : toCompletionChoice),
      ...(this.#usage ? { usage: this.#usage } : {}),
      ...rest,
    };
  }
}

/** True for a reason with which a choice ended well; some that vendors write report a failure in place of an error. */
export function isEnd(reason: unknown): reason is string {
  return typeof reason === 'string' && reason !== '' && !FAILURES.has(reason);
}

/** vLLM says `abort` when it drops a request and `error` when its engine fails; OpenRouter says `error`. */
const FAILURES: ReadonlySet<string> = new Set(['abort', 'error']);

const ENVELOPE = new Map([
  ['id', keepFirst],
  ['created', keepFirst],
  ['model', keepFirst],
]);

function toChatChoice({ index, delta = {}, logprobs, finish_reason: reason, ...rest }: ChoiceDelta): JsonObject {
  const { tool_calls: calls, ...fields } = delta;
  const hasCalls = Array.isArray(calls) && calls.length > 0;
  const toolCalls = hasCalls ? { tool_calls: toToolCalls(calls) } : {};
  // vLLM opens every message with an empty text, which beside calls is none.
  if (hasCalls && fields.content === '') fields.content = null;
  const message = { role: 'assistant', content: null, refusal: null, ...fields, ...toolCalls };
  return { index, message, logprobs: logprobs ?? null, finish_reason: reason ?? null, ...rest };
}

function toCompletionChoice({ index, text, logprobs, finish_reason: reason, ...rest }: ChoiceDelta): JsonObject {
  return { text: text ?? '', index, logprobs: logprobs ?? null, finish_reason: reason ?? null, ...rest };
}

/** In a stream a call has an index and may lack its type; in an answer its place is its index. */
function toToolCalls(calls: unknown[]): JsonObject[] {
  return calls
    .filter(isJsonObject)
    .sort((a, b) => indexOf(a) - indexOf(b))
    .map(({ index: _index, ...call }) => ({ type: 'function', ...call }));
}

function indexOf(call: JsonObject): number {
  return typeof call.index === 'number' ? call.index : 0;
}
