import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { outputTokens, type Draft } from './draft.js';
import type { Frame, ServedTokens } from './plan.js';

export const SSE_DONE = 'data: [DONE]\n\n';

let lastId = 0;

/** A server-sent event of OpenAI's: data only, no name. */
export function sseFrame(json: string): string {
  return `data: ${json}\n\n`;
}

/** An id that no other answer of this process has. */
export function answerId(prefix: 'chatcmpl' | 'cmpl'): string {
  return `${prefix}-${(++lastId).toString(36).padStart(16, '0')}`;
}

/** Now, in unix seconds. */
export function createdNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** OpenAI's usage object of a draft. */
export function usageOf(draft: Draft): JsonObject {
  const { input, output } = servedBy(draft);
  return {
    prompt_tokens: input,
    completion_tokens: output,
    total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: draft.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: draft.reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  };
}

/** What the usage object reports, for the counters. */
export function servedBy(draft: Draft): ServedTokens {
  return { input: draft.promptTokens, output: outputTokens(draft) };
}

/** The head that every chunk of a stream repeats, and how its choices are wrapped into it. */
export class ChunkWriter {
  private readonly prefix: string;
  private readonly suffix: string;

  constructor(
    envelope: JsonObject,
    private readonly withUsage: boolean,
  ) {
    this.prefix = `data: ${JSON.stringify(envelope).slice(0, -1)},"choices":[`;
    this.suffix = withUsage ? '],"usage":null}\n\n' : ']}\n\n';
  }

  /** A chunk with one choice, given as JSON text. */
  frame(part: Frame['part'], choice: string): Frame {
    return { part, text: this.prefix + choice + this.suffix, tokens: part === 'content' ? 1 : 0 };
  }

  /** The chunk without choices that ends a stream whose client asked for usage, and the closing marker. */
  closing(usage: JsonObject): Frame[] {
    const done: Frame = { part: 'done', text: SSE_DONE, tokens: 0 };
    if (!this.withUsage) {
      return [done];
    }
    return [{ part: 'usage', text: `${this.prefix}],"usage":${JSON.stringify(usage)}}\n\n`, tokens: 0 }, done];
  }
}

/** Whether the client asked for the usage chunk. */
export function asksForUsage(body: JsonObject): boolean {
  return isJsonObject(body.stream_options) && body.stream_options.include_usage === true;
}

/** The `stop` parameter as a list. */
export function stopSequences(body: JsonObject): string[] {
  const stops = Array.isArray(body.stop) ? (body.stop as unknown[]) : [body.stop];
  return stops.filter((stop): stop is string => typeof stop === 'string' && stop !== '');
}

/** Frames of several choices side by side, as a vendor interleaves them. */
export function interleaved(lanes: readonly (readonly Frame[])[]): Frame[] {
  const [only] = lanes;
  if (lanes.length === 1 && only !== undefined) {
    return [...only];
  }
  const longest = Math.max(...lanes.map((lane) => lane.length));
  return Array.from({ length: longest }, (_, at) => lanes.map((lane) => lane[at]))
    .flat()
    .filter((frame) => frame !== undefined);
}
