import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { HttpClient } from '#http/http-client.js';
import { HttpError } from '#http/http-error.js';
import type { HttpAnswer } from '#http/http-request.js';
import { fromHttpError } from '../network-error.js';
import type { ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { toUpstreamBody } from './convert-messages.js';
import { errorFromResponse } from './error.js';
import { serverUrl, toServerRequest, type ServerAccess } from './options.js';

/** The server's own count of a request's input, chat template included. */
export interface ExactCount {
  tokens: number;
  /** Input and output tokens together; null when the server does not say. */
  maxModelLen: number | null;
}

/**
 * True for a request whose input the server counts as it will read it: one sequence of text. What pictures and sound take is
 * only known once the model's processor has seen them.
 */
export function isCountable(kind: CallKind, { messages, prompt }: JsonObject): boolean {
  if (kind === 'completion') return typeof prompt === 'string';
  return kind === 'chat' && Array.isArray(messages) && messages.every(isText);
}

/** Counts the input of a chat or a completion with one prompt; rejects with a ProviderError, or with the signal's reason. */
export async function countExactly(
  http: HttpClient,
  access: ServerAccess,
  call: Pick<ProviderCall, 'body' | 'upstreamModel'>,
): Promise<ExactCount> {
  const body = toUpstreamBody({ ...call, body: tokenizedFields(call.body) }, false);
  try {
    const url = `${serverUrl(access.endpoint)}/tokenize`;
    const answer = await http.send(toServerRequest(access, { method: 'POST', url, body }));
    if (answer.status !== 200) throw errorFromResponse(answer, access.credential);
    return readCount(answer);
  } catch (error) {
    access.signal.throwIfAborted();
    throw error instanceof HttpError ? fromHttpError(error) : error;
  }
}

function isText(message: unknown): boolean {
  if (!isJsonObject(message)) return false;
  const { content } = message;
  return !Array.isArray(content) || content.every((part) => isJsonObject(part) && part.type === 'text');
}

/** What of a request decides its input; the rest would only be logged as unknown. */
const FIELDS = [
  'messages',
  'prompt',
  'tools',
  'add_special_tokens',
  'add_generation_prompt',
  'continue_final_message',
  'chat_template',
  'chat_template_kwargs',
  'mm_processor_kwargs',
];

function tokenizedFields(body: JsonObject): JsonObject {
  return Object.fromEntries(FIELDS.filter((field) => field in body).map((field) => [field, body[field]]));
}

function readCount({ status, body }: HttpAnswer): ExactCount {
  const answer = parsed(body);
  if (!isJsonObject(answer) || typeof answer.count !== 'number') {
    throw new ProviderError('transient', 'Unreadable answer: it has no count', { code: 'unreadable_answer', status });
  }
  return { tokens: answer.count, maxModelLen: typeof answer.max_model_len === 'number' ? answer.max_model_len : null };
}

function parsed(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch {
    return null;
  }
}
