import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { HttpAnswer } from '#http/http-request.js';
import type { BodyAnswer, ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { readJsonAnswer, unreadable } from '../unreadable.js';
import type { Dialect } from './dialect.js';
import { isErrorBody } from './error.js';

/** A plain answer, its text as the provider wrote it; throws a ProviderError for every answer that is not whole. */
export function readAnswer(
  answer: HttpAnswer,
  call: Pick<ProviderCall, 'kind' | 'credential'>,
  dialect: Dialect,
): BodyAnswer {
  const { text, body } = readBody(answer, call.credential, dialect);
  const fault = FAULTS[call.kind](body, dialect);
  if (fault !== null) throw unreadable(fault, answer.status);
  return { body: text, usage: dialect.toUsage(body.usage), ttftMs: null };
}

/** The error in an answer to a streamed call that is not a stream: its status, the error in its body, or its being none. */
export function errorFromUnstreamed(answer: HttpAnswer, credential: string | null, dialect: Dialect): ProviderError {
  try {
    readBody(answer, credential, dialect);
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  return unreadable('the provider was asked to stream and did not', answer.status);
}

function readBody(answer: HttpAnswer, credential: string | null, dialect: Dialect): { text: string; body: JsonObject } {
  if (answer.status < 200 || answer.status >= 300) throw dialect.errorFromResponse(answer, credential);
  const { text, body } = readJsonAnswer(answer);
  if (isErrorBody(body)) throw dialect.errorFromEvent(body, credential);
  return { text, body };
}

/** Per kind: what is missing for the answer to be whole, or null. */
const FAULTS: Record<CallKind, (body: JsonObject, dialect: Dialect) => string | null> = {
  chat: (body, dialect) =>
    faultOfChoices(body, dialect, (choice) => (isJsonObject(choice.message) ? null : 'a choice has no message')),
  completion: (body, dialect) =>
    faultOfChoices(body, dialect, (choice) => (typeof choice.text === 'string' ? null : 'a choice has no text')),
  embedding: (body) => {
    const { data } = body;
    if (!Array.isArray(data) || data.length === 0) return 'it has no data';
    return data.every((item) => isJsonObject(item) && isVector(item.embedding)) ? null : 'an item has no embedding';
  },
};

function faultOfChoices(
  body: JsonObject,
  dialect: Dialect,
  faultOf: (choice: JsonObject) => string | null,
): string | null {
  const { choices } = body;
  if (!Array.isArray(choices) || choices.length === 0) return 'it has no choices';
  for (const choice of choices as unknown[]) {
    if (!isJsonObject(choice)) return 'a choice is not an object';
    const fault =
      faultOf(choice) ??
      (dialect.toFinishReason(choice.finish_reason) === null ? 'a choice has no finish_reason' : null);
    if (fault !== null) return fault;
  }
  return null;
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) || typeof value === 'string';
}
