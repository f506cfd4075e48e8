import type { CallKind } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { Timeouts } from '#contracts/registry-snapshot.js';
import type { Usage } from '#contracts/usage.js';

/** One request to one provider. The body is OpenAI-shaped whatever the provider speaks; adapters convert. */
export interface ProviderCall {
  kind: CallKind;
  /** The client's body; `model`, `stream` and `stream_options` in it are replaced by the adapter. */
  body: JsonObject;
  upstreamModel: string;
  /** Base URL with its version segment, without a trailing slash. */
  endpoint: string;
  credential: string | null;
  timeouts: Timeouts;
  /** Unix milliseconds after which no wait may go on. */
  deadlineMs: number;
  /** Aborting drops the upstream connection. */
  signal: AbortSignal;
  /** Called when the request goes out: from then on the provider may charge for its input. */
  onSent?: (() => void) | undefined;
  /** When set, the provider is asked to stream and each piece is handed over as it arrives. */
  onDelta?: (delta: StreamedPiece) => void;
  /** The model's `maxOutputTokens`: asked for where the body names no limit and the vendor requires one. */
  maxOutputTokens?: number;
  /** True for a model that refuses temperature, top_p and top_k; they are left out of its requests. */
  dropSamplingParameters?: boolean;
  /** True when the client would rather have an `invalid_request` than an answer for which fields were dropped. */
  strict?: boolean;
}

/** What one upstream chunk adds to the answer. */
export interface StreamedPiece {
  choices: ChoiceDelta[];
  /** The chunk's own fields besides choices and usage (id, created, model, …). */
  envelope: JsonObject;
}

/** A complete answer: whatever was asked, streamed or not, it is the same OpenAI-shaped body. */
export interface ProviderAnswer {
  /** JSON text, ready to be sent to the client as it is. */
  body: string;
  /** Null when the provider did not report it. */
  usage: Usage | null;
  /** Milliseconds from sending to the first content; null on a plain call. */
  ttftMs: number | null;
  /** Top-level fields of the body that this vendor has nothing for, or that were not honoured as given; absent when there are none. */
  dropped?: string[];
  /** What the response's headers say of the provider's buckets; null when they say nothing. */
  rateLimits: RateLimitReading | null;
}

/** An answer as far as its body tells. */
export type BodyAnswer = Omit<ProviderAnswer, 'rateLimits'>;

/** One vendor's protocol. Stateless: the same adapter serves every provider of its type. */
export interface ProviderAdapter {
  /** Sends the call and resolves with the complete answer; rejects with a ProviderError, or with the signal's reason when aborted. */
  execute(call: ProviderCall): Promise<ProviderAnswer>;
}
