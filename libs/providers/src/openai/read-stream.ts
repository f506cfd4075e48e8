import type { EventSourceMessage } from 'eventsource-parser';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import type { StreamedPiece } from '../provider-adapter.js';
import type { ProviderError } from '../provider-error.js';
import { StreamReader, type AnswerSink, type StreamedCall } from '../stream-reader.js';
import { readJsonEvent, unreadable } from '../unreadable.js';
import type { Dialect } from './dialect.js';
import { isErrorBody } from './error.js';

/** A reader for one stream of chunks; its time begins now. */
export function openStreamReader(call: StreamedCall, dialect: Dialect): StreamReader {
  const errorOf = (chunk: JsonObject): ProviderError => dialect.errorFromEvent(chunk, call.credential);
  return new StreamReader(call, {
    read: (event, sink) => readChunk(event, sink, errorOf),
    choices: choicesAskedFor(call),
    toUsage: dialect.toUsage,
  });
}

function readChunk(
  { event, data }: EventSourceMessage,
  sink: AnswerSink,
  errorOf: (chunk: JsonObject) => ProviderError,
): void {
  if (data === '[DONE]') {
    sink.done();
    return;
  }
  const chunk = readJsonEvent(data);
  if (event === 'error' || isErrorBody(chunk)) throw errorOf(chunk);
  if (isJsonObject(chunk.usage)) sink.addUsage(chunk.usage);
  sink.add(toPiece(chunk));
}

function toPiece(chunk: JsonObject): StreamedPiece {
  // `obfuscation` is padding that hides the length of this very chunk; on another connection it hides nothing.
  const { choices = [], usage, obfuscation, ...envelope } = chunk;
  if (!Array.isArray(choices)) throw unreadable('the choices of a chunk are not a list');
  return { choices: choices.map(toChoice), envelope };
}

function toChoice(choice: unknown, position: number): ChoiceDelta {
  if (!isJsonObject(choice)) throw unreadable('a choice of a chunk is not an object');
  return typeof choice.index === 'number' ? (choice as ChoiceDelta) : { ...choice, index: position };
}

function choicesAskedFor({ kind, body }: StreamedCall): number {
  const n = typeof body.n === 'number' ? body.n : 1;
  const { prompt } = body;
  const isList = kind === 'completion' && Array.isArray(prompt) && typeof prompt[0] !== 'number';
  return isList ? n * prompt.length : n;
}
