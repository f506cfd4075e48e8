import type { EventSourceMessage } from 'eventsource-parser';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Usage } from '#contracts/usage.js';
import { StreamReader, type AnswerSink, type EventDialect, type StreamedCall } from '../stream-reader.js';
import { readJsonEvent, unreadable } from '../unreadable.js';
import { createdNow, toRefusal } from './convert-answer.js';
import { mergeUsage, toOpenAiUsage, toUsage } from './convert-usage.js';
import { errorFromEvent, isErrorBody } from './error.js';
import { toFinishReason } from './map-finish-reason.js';
import { isThinking, toThinkingBlock } from './thinking-blocks.js';

/** A reader for one stream of events; its time begins now. */
export function openStreamReader(call: Omit<StreamedCall, 'kind'>): StreamReader {
  return new StreamReader({ ...call, kind: 'chat' }, new MessageEvents(call.credential));
}

/** A content block while it streams. */
interface OpenBlock {
  /** As it began, and as far as its thinking has come. */
  block: JsonObject;
  /** The place among the tool calls, which OpenAI counts, not among the blocks. */
  call: number | null;
  hasArguments: boolean;
}

/** The events of one message as OpenAI's chunks. */
class MessageEvents implements EventDialect {
  readonly choices = 1;
  readonly #credential: string | null;
  readonly #blocks = new Map<unknown, OpenBlock>();
  readonly #readers = new Map<unknown, (body: JsonObject, sink: AnswerSink) => void>([
    ['message_start', (body) => this.#start(body.message)],
    ['content_block_start', (body, sink) => this.#openBlock(body, sink)],
    ['content_block_delta', (body, sink) => this.#continueBlock(body, sink)],
    ['content_block_stop', (body, sink) => this.#closeBlock(body, sink)],
    ['message_delta', (body, sink) => this.#finish(body, sink)],
    ['message_stop', (_body, sink) => sink.done()],
    // No sign of life: it is sent while the model stands still.
    ['ping', () => undefined],
  ]);
  #envelope: JsonObject = {};
  #usage: JsonObject = {};
  #calls = 0;
  #hasRole = false;

  constructor(credential: string | null) {
    this.#credential = credential;
  }

  toUsage(): Usage | null {
    return toUsage(this.#usage);
  }

  /** Types that are not known here may come any day, and are no more than signs of life. */
  read({ event, data }: EventSourceMessage, sink: AnswerSink): void {
    const body = readJsonEvent(data);
    if (event === 'error' || isErrorBody(body)) throw errorFromEvent(body, this.#credential);
    const read = this.#readers.get(body.type);
    if (read) read(body, sink);
    else sink.progress();
  }

  #start(message: unknown): void {
    if (!isJsonObject(message)) throw unreadable('the stream begins without a message');
    const { id, model, usage } = message;
    this.#envelope = { id, object: 'chat.completion.chunk', created: createdNow(), model };
    this.#usage = mergeUsage({}, usage);
  }

  #openBlock({ index, content_block: block }: JsonObject, sink: AnswerSink): void {
    if (!isJsonObject(block)) throw unreadable('a block of the stream is not an object');
    const isCall = block.type === 'tool_use';
    const open = { block: { ...block }, call: isCall ? this.#calls++ : null, hasArguments: false };
    this.#blocks.set(index, open);
    this.#giveRole(block.type === 'text' ? '' : null, sink);
    if (isCall) {
      const spec = { name: block.name, arguments: '' };
      this.#add(sink, { tool_calls: [{ index: open.call, id: block.id, type: 'function', function: spec }] });
      // A placeholder as a rule; a server that does not stream input sends all of it here.
      if (isJsonObject(block.input) && Object.keys(block.input).length > 0) {
        this.#addArguments(open, JSON.stringify(block.input), sink);
      }
    } else if (block.type === 'text') this.#addText('content', block.text, sink);
    else if (block.type === 'thinking') this.#addText('reasoning_content', block.thinking, sink);
  }

  #continueBlock({ index, delta }: JsonObject, sink: AnswerSink): void {
    const open = this.#blocks.get(index);
    if (!open || !isJsonObject(delta)) throw unreadable('a delta of the stream has no block');
    const { block, call } = open;
    if (delta.type === 'text_delta') this.#addText('content', delta.text, sink);
    else if (delta.type === 'thinking_delta') {
      block.thinking = textOf(block.thinking) + textOf(delta.thinking);
      this.#addText('reasoning_content', delta.thinking, sink);
    } else if (delta.type === 'input_json_delta' && call !== null) {
      // Blocks of Anthropic's own tools stream their input too, and are none of the client's calls.
      this.#addArguments(open, delta.partial_json, sink);
    } else {
      if (delta.type === 'signature_delta') block.signature = textOf(block.signature) + textOf(delta.signature);
      sink.progress();
    }
  }

  #closeBlock({ index }: JsonObject, sink: AnswerSink): void {
    const open = this.#blocks.get(index);
    this.#blocks.delete(index);
    if (!open) throw unreadable('a block of the stream ends that did not begin');
    if (isThinking(open.block) && typeof index === 'number') {
      this.#add(sink, { thinking_blocks: [toThinkingBlock(open.block, index)] });
    }
    // A tool without arguments may stream nothing at all, which no client could parse.
    if (open.call !== null && !open.hasArguments) this.#addArguments(open, '{}', sink);
  }

  #finish({ delta, usage }: JsonObject, sink: AnswerSink): void {
    this.#usage = mergeUsage(this.#usage, usage);
    const { stop_reason: stop, stop_details: details } = isJsonObject(delta) ? delta : {};
    const reason = toFinishReason(stop);
    if (reason === null) return;
    this.#giveRole(null, sink);
    if (stop === 'refusal') this.#add(sink, { refusal: toRefusal(details) });
    const figures = toOpenAiUsage(this.#usage);
    if (figures) sink.addUsage(figures);
    sink.add({ choices: [{ index: 0, delta: {}, finish_reason: reason }], envelope: this.#envelope });
  }

  /** OpenAI's first chunk: with an empty text where a text follows, without content where anything else does. */
  #giveRole(content: '' | null, sink: AnswerSink): void {
    if (this.#hasRole) return;
    this.#hasRole = true;
    this.#add(sink, { role: 'assistant', content });
  }

  #addText(field: 'content' | 'reasoning_content', text: unknown, sink: AnswerSink): void {
    if (typeof text === 'string' && text !== '') this.#add(sink, { [field]: text });
    else sink.progress();
  }

  #addArguments(open: OpenBlock, json: unknown, sink: AnswerSink): void {
    if (typeof json !== 'string' || json === '') {
      sink.progress();
      return;
    }
    open.hasArguments = true;
    this.#add(sink, { tool_calls: [{ index: open.call, function: { arguments: json } }] });
  }

  #add(sink: AnswerSink, delta: JsonObject): void {
    sink.add({ choices: [{ index: 0, delta, finish_reason: null }], envelope: this.#envelope });
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
