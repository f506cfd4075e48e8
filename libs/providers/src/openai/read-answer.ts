import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { HttpAnswer } from '#http/http-request.js';
import type { ProviderAnswer, ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { readJsonAnswer, unreadable } from '../unreadable.js';
import { toUsage } from './convert-usage.js';
import { errorFromEvent, errorFromResponse, isErrorBody } from './error.js';
import { toFinishReason } from './map-finish-reason.js';

/** A plain answer, its text as the provider wrote it; throws a ProviderError for every answer that is not whole. */
export function readAnswer(answer: HttpAnswer, call: Pick<ProviderCall, 'kind' | 'credential'>): ProviderAnswer {
  const { text, body } = readBody(answer, call.credential);
  const fault = FAULTS[call.kind](body);
  if (fault !== null) throw unreadable(fault, answer.status);
  return { body: text, usage: toUsage(body.usage), ttftMs: null };
}

/** The error in an answer to a streamed call that is not a stream: its status, the error in its body, or its being none. */
export function errorFromUnstreamed(answer: HttpAnswer, credential: string | null): ProviderError {
  try {
    readBody(answer, credential);
  } catch (error) {
    if (error instanceof ProviderError) return error;
    throw error;
  }
  return unreadable('the provider was asked to stream and did not', answer.status);
}

function readBody(answer: HttpAnswer, credential: string | null): { text: string; body: JsonObject } {
  if (answer.status < 200 || answer.status >= 300) throw errorFromResponse(answer, credential);
  const { text, body } = readJsonAnswer(answer);
  if (isErrorBody(body)) throw errorFromEvent(body, credential);
  return { text, body };
}

/** Per kind: what is missing for the answer to be whole, or null. */
const FAULTS: Record<CallKind, (body: JsonObject) => string | null> = {
  chat: (body) => faultOfChoices(body, (choice) => (isJsonObject(choice.message) ? null : 'a choice has no message')),
  completion: (body) =>
    faultOfChoices(body, (choice) => (typeof choice.text === 'string' ? null : 'a choice has no text')),
  embedding: (body) => {
    const { data } = body;
    if (!Array.isArray(data) || data.length === 0) return 'it has no data';
    return data.every((item) => isJsonObject(item) && isVector(item.embedding)) ? null : 'an item has no embedding';
  },
};

function faultOfChoices(body: JsonObject, faultOf: (choice: JsonObject) => string | null): string | null {
  const { choices } = body;
  if (!Array.isArray(choices) || choices.length === 0) return 'it has no choices';
  for (const choice of choices as unknown[]) {
    if (!isJsonObject(choice)) return 'a choice is not an object';
    const fault =
      faultOf(choice) ?? (toFinishReason(choice.finish_reason) === null ? 'a choice has no finish_reason' : null);
    if (fault !== null) return fault;
  }
  return null;
}

function isVector(value: unknown): boolean {
  return Array.isArray(value) || typeof value === 'string';
}
