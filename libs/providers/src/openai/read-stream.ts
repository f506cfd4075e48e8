import { createParser, type EventSourceMessage } from 'eventsource-parser';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import type { HttpHead, StreamControl } from '#http/http-request.js';
import { hasContent } from '../merge-pieces.js';
import type { ProviderAnswer, ProviderCall, StreamedPiece } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { AnswerAccumulator } from './accumulate-answer.js';
import type { Dialect } from './dialect.js';
import { isErrorBody } from './error.js';
import { unreadable } from './read-answer.js';

/** What a stream's reader needs of its call. */
export type StreamedCall = Pick<ProviderCall, 'body' | 'credential' | 'timeouts'> & {
  kind: 'chat' | 'completion';
  onDelta: (piece: StreamedPiece) => void;
};

/** Reads one stream: hands each piece over as it arrives and keeps the whole answer. Its time begins with its construction. */
export class StreamReader {
  readonly #call: StreamedCall;
  readonly #dialect: Dialect;
  readonly #answer: AnswerAccumulator;
  readonly #sentAt = performance.now();
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({ onEvent: (event) => this.#onEvent(event) });
  #control: StreamControl | undefined;
  #ttftMs: number | null = null;
  #isSpeaking = false;
  #isDone = false;

  constructor(call: StreamedCall, dialect: Dialect) {
    this.#call = call;
    this.#dialect = dialect;
    this.#answer = new AnswerAccumulator(call.kind, dialect.toFinishReason);
  }

  /** What takes the stream's bytes, or null when the response is not a stream. Its bytes' faults throw a ProviderError. */
  open({ status, headers }: HttpHead, control: StreamControl): ((chunk: Buffer) => void) | null {
    const type = headers['content-type'];
    if (status !== 200 || (type !== undefined && !/^text\/event-stream\b/i.test(type))) return null;
    this.#control = control;
    return (chunk) => this.#parser.feed(this.#decoder.decode(chunk, { stream: true }));
  }

  /** True once the response turned out to be a stream. */
  get isOpen(): boolean {
    return this.#control !== undefined;
  }

  /** True when every choice that was asked for has ended, so that a connection which breaks now has lost nothing. */
  get isWhole(): boolean {
    return this.#answer.hasFinished(choicesAskedFor(this.#call));
  }

  /** The whole answer; throws `stream_truncated` when a choice has not ended. A missing closing marker is no fault. */
  end(): ProviderAnswer {
    this.#flush();
    this.#requireFinish();
    const { usage } = this.#answer;
    return { body: JSON.stringify(this.#answer.toBody()), usage: this.#dialect.toUsage(usage), ttftMs: this.#ttftMs };
  }

  /** A last event may lack its blank line; half an event is no event. */
  #flush(): void {
    if (this.#isDone) return;
    try {
      this.#parser.feed(`${this.#decoder.decode()}\n\n`);
    } catch (error) {
      if (!(error instanceof ProviderError) || error.options.code !== 'unreadable_answer') throw error;
      if (!this.#answer.hasFinished()) throw truncated();
    }
  }

  #onEvent({ event, data }: EventSourceMessage): void {
    if (this.#isDone || data === '') return;
    if (data === '[DONE]') {
      this.#onDone();
      return;
    }
    const chunk = parseChunk(data);
    if (event === 'error' || isErrorBody(chunk)) throw this.#dialect.errorFromEvent(chunk, this.#call.credential);
    const piece = toPiece(chunk);
    this.#answer.add(piece);
    if (isJsonObject(chunk.usage)) this.#answer.addUsage(chunk.usage);
    this.#keepTime(piece.choices);
    // Clients take choices[0] for granted, so a chunk that only carries usage or settings stays here.
    if (piece.choices.length > 0) this.#call.onDelta(piece);
  }

  #onDone(): void {
    this.#isDone = true;
    this.#requireFinish();
    this.#control?.finish();
  }

  /** Until the first content nothing counts as progress; after it, every chunk does. Comments never do. */
  #keepTime(choices: ChoiceDelta[]): void {
    if (this.#isSpeaking) {
      this.#control?.progress();
      return;
    }
    const speaks = hasContent(choices);
    if (!speaks && !this.#answer.hasFinished()) return;
    this.#isSpeaking = true;
    if (speaks) this.#ttftMs = performance.now() - this.#sentAt;
    this.#control?.wait('idle', this.#call.timeouts.idleMs);
  }

  #requireFinish(): void {
    if (!this.#answer.hasFinished()) throw truncated();
  }
}

function truncated(): ProviderError {
  return new ProviderError('transient', 'The stream ended before the answer did', { code: 'stream_truncated' });
}

function parseChunk(data: string): JsonObject {
  let chunk: unknown;
  try {
    chunk = JSON.parse(data);
  } catch {
    // The parser's message quotes the chunk, which is the client's.
    throw unreadable('a chunk of the stream is not JSON');
  }
  if (!isJsonObject(chunk)) throw unreadable('a chunk of the stream is not a JSON object');
  return chunk;
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
