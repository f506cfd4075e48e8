import type { JsonObject } from './json.js';

/**
 * A piece of streamed output, in OpenAI's chunk terms: `choices` as in a `chat.completion.chunk` (index, delta,
 * finish_reason, logprobs) or a streamed `text_completion` (index, text, finish_reason, logprobs).
 */
export interface OutputDelta {
  /** The attempt that speaks. */
  attempt: number;
  /** The step that it speaks for, in an orchestration: each step counts its attempts from 1. */
  step?: string;
  choices: ChoiceDelta[];
  /** The envelope's own fields (id, created, model, system_fingerprint, service_tier), only in the first delta of an attempt. */
  envelope?: JsonObject;
}

export interface ChoiceDelta extends JsonObject {
  index: number;
  delta?: JsonObject;
  text?: string;
  finish_reason?: string | null;
}
