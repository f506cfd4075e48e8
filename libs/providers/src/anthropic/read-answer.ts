import type { JsonObject } from '#contracts/json.js';
import type { HttpAnswer } from '#http/http-request.js';
import type { BodyAnswer } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { readJsonAnswer, unreadable } from '../unreadable.js';
import { createdNow, toMessage, toRefusal } from './convert-answer.js';
import { toOpenAiUsage, toUsage } from './convert-usage.js';
import { errorFromEvent, errorFromResponse, isErrorBody } from './error.js';
import { toFinishReason } from './map-finish-reason.js';

/** A plain answer in OpenAI's shape; throws a ProviderError for every answer that is not whole. */
export function readAnswer(answer: HttpAnswer, credential: string | null): BodyAnswer {
  const body = readBody(answer, credential);
  return { body: JSON.stringify(toCompletion(body, answer.status)), usage: toUsage(body.usage), ttftMs: null };
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

function readBody(answer: HttpAnswer, credential: string | null): JsonObject {
  if (answer.status < 200 || answer.status >= 300) throw errorFromResponse(answer, credential);
  const { body } = readJsonAnswer(answer);
  if (isErrorBody(body)) throw errorFromEvent(body, credential);
  return body;
}

function toCompletion(body: JsonObject, status: number): JsonObject {
  const reason = toFinishReason(body.stop_reason);
  if (!Array.isArray(body.content)) throw unreadable('it has no content', status);
  if (reason === null) throw unreadable('it has no stop_reason', status);
  const message = toMessage(body.content);
  if (body.stop_reason === 'refusal') message.refusal = toRefusal(body.stop_details);
  const usage = toOpenAiUsage(body.usage);
  return {
    id: body.id,
    object: 'chat.completion',
    created: createdNow(),
    model: body.model,
    choices: [{ index: 0, message, logprobs: null, finish_reason: reason }],
    ...(usage ? { usage } : {}),
  };
}
