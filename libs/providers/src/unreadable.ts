import type { IncomingHttpHeaders } from 'node:http';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { isNestedDeeper } from '#contracts/json-depth.js';
import { ProviderError } from './provider-error.js';

/** Deeper than any answer; what is made of one, and whoever writes it down, goes through it level by level. */
const DEEPEST = 200;

/** A ProviderError for an answer that cannot be used; the next try may bring a better one. */
export function unreadable(fault: string, status?: number): ProviderError {
  return new ProviderError('transient', `Unreadable answer: ${fault}`, { code: 'unreadable_answer', status });
}

/** A ProviderError for a stream that ended before its answer did. */
export function truncated(): ProviderError {
  return new ProviderError('transient', 'The stream ended before the answer did', { code: 'stream_truncated' });
}

/** A ProviderError for an answer of which so much came that no more is taken. */
export function tooLarge(what: string): ProviderError {
  return new ProviderError('transient', `The answer is too large: ${what}`, { code: 'answer_too_large' });
}

/** The JSON in an error's body; null for a proxy's page or a cut body, where the status alone decides. */
export function parseErrorBody(body: Buffer): unknown {
  return parsed(body.toString('utf8')) ?? null;
}

/** The JSON object in a successful answer; throws `unreadable_answer` for a page, half a body, or anything else. */
export function readJsonAnswer(answer: { status: number; headers: IncomingHttpHeaders; body: Buffer }): {
  text: string;
  body: JsonObject;
} {
  if (/\bhtml\b/i.test(answer.headers['content-type'] ?? '')) throw unreadable('it is an HTML page', answer.status);
  const text = answer.body.toString('utf8');
  const body = parsed(text);
  if (body === undefined) throw unreadable('it is not JSON', answer.status);
  if (!isJsonObject(body)) throw unreadable('it is not a JSON object', answer.status);
  return { text, body };
}

/** The JSON object in an event of a stream; throws `unreadable_answer` when there is none. */
export function readJsonEvent(data: string): JsonObject {
  const chunk = parsed(data);
  if (chunk === undefined) throw unreadable('a chunk of the stream is not JSON');
  if (!isJsonObject(chunk)) throw unreadable('a chunk of the stream is not a JSON object');
  return chunk;
}

function parsed(text: string): unknown {
  if (isNestedDeeper(text, DEEPEST)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text, which is the client's.
    return undefined;
  }
}
