import { createParser, type EventSourceMessage } from 'eventsource-parser';
import type { JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import type { Usage } from '#contracts/usage.js';
import type { HttpHead, StreamControl } from '#http/http-request.js';
import { AnswerAccumulator } from './accumulate-answer.js';
import { hasContent } from './merge-pieces.js';
import type { BodyAnswer, ProviderCall, StreamedPiece } from './provider-adapter.js';
import { ProviderError } from './provider-error.js';
import { tooLarge, truncated } from './unreadable.js';

/** Characters of one event: an image that a model made, and more than any other. The answer as a whole is bounded by the client. */
const LARGEST_EVENT = 32 * 1024 * 1024;

/** What a stream's reader needs of its call. */
export type StreamedCall = Pick<ProviderCall, 'body' | 'credential' | 'timeouts' | 'onDelta'> & {
  kind: 'chat' | 'completion';
};

/** What a vendor's events are turned into. */
export interface AnswerSink {
  /** A piece of the answer; one without choices only brings its envelope. */
  add(piece: StreamedPiece): void;
  /** OpenAI-shaped; the last one counts. */
  addUsage(usage: JsonObject): void;
  /** The provider works although there is nothing to hand over. Comments and pings do not say so. */
  progress(): void;
  /** The vendor's closing event. */
  done(): void;
}

/** One vendor's events, for one stream. */
export interface EventDialect {
  /** Takes one event; throws a ProviderError when it is an error or unreadable. */
  read(event: EventSourceMessage, sink: AnswerSink): void;
  /** How many choices were asked for. */
  choices: number;
  toUsage(usage: JsonObject | null): Usage | null;
}

/** Reads one stream: hands each piece over as it arrives and keeps the whole answer. Its time begins with its construction. */
export class StreamReader {
  readonly #call: StreamedCall;
  readonly #dialect: EventDialect;
  readonly #answer: AnswerAccumulator;
  readonly #sentAt = performance.now();
  readonly #decoder = new TextDecoder();
  readonly #parser = createParser({
    maxBufferSize: LARGEST_EVENT,
    onEvent: (event) => this.#onEvent(event),
    // Fields that nobody knows are no fault.
    onError: ({ type }) => {
      if (type === 'max-buffer-size-exceeded') throw tooLarge('an event of the stream');
    },
  });
  readonly #sink: AnswerSink = {
    add: (piece) => this.#add(piece),
    addUsage: (usage) => this.#answer.addUsage(usage),
    progress: () => this.#progress(),
    done: () => this.#done(),
  };
  #control: StreamControl | undefined;
  #ttftMs: number | null = null;
  #isSpeaking = false;
  #isDone = false;

  constructor(call: StreamedCall, dialect: EventDialect) {
    this.#call = call;
    this.#dialect = dialect;
    this.#answer = new AnswerAccumulator(call.kind);
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
    return this.#answer.hasFinished(this.#dialect.choices);
  }

  /** The whole answer; throws `stream_truncated` when a choice has not ended. A missing closing marker is no fault. */
  end(): BodyAnswer {
    this.#flush();
    this.#requireFinish();
    const { usage } = this.#answer;
    return {
      body: JSON.stringify(this.#answer.toBody()),
      usage: this.#dialect.toUsage(usage),
      ttftMs: this.#ttftMs,
    };
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

  #onEvent(event: EventSourceMessage): void {
    if (!this.#isDone && event.data !== '') this.#dialect.read(event, this.#sink);
  }

  #add(piece: StreamedPiece): void {
    this.#answer.add(piece);
    this.#keepTime(piece.choices);
    // Clients take choices[0] for granted, so a chunk that only carries usage or settings stays here.
    if (piece.choices.length > 0) this.#call.onDelta?.(piece);
  }

  #done(): void {
    this.#isDone = true;
    this.#requireFinish();
    this.#control?.finish();
  }

  /** Until the first content nothing counts as progress; after it, every chunk does. */
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

  #progress(): void {
    if (this.#isSpeaking) this.#control?.progress();
  }

  #requireFinish(): void {
    if (!this.#answer.hasFinished()) throw truncated();
  }
}
