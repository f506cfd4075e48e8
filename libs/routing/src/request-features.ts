import type { CallKind } from '#contracts/job-state.js';
import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Capability, Model } from '#contracts/registry-snapshot.js';
import { estimateCost } from './cost.js';

/** Output that is expected where the request sets no bound. */
const DEFAULT_OUTPUT_TOKENS = 512;

/** What routing needs to know of a request, and nothing of what it says. */
export interface RequestFeatures {
  kind: CallKind;
  /** As the client named it: a model id, an alias, `auto`, `*`, or null. */
  model: string | null;
  /** All input: what is billed. */
  inputTokens: number;
  /** The longest single sequence of it: what must fit a window. */
  longestInputTokens: number;
  /** `max_completion_tokens`, else `max_tokens`; for one answer. */
  requestedOutputTokens: number | null;
  /** Answers that are generated: `n` (or `best_of`) for each prompt. */
  answers: number;
  needs: readonly Capability[];
}

export interface FeatureOptions {
  kind: CallKind;
  /** OpenAI-shaped and already validated; fields of a wrong type are looked past. */
  body: JsonObject;
  inputTokens: number;
  /** Defaults to `inputTokens`. */
  longestInputTokens?: number;
}

/** Reads the features of an OpenAI-shaped body whose tokens have been counted. */
export function requestFeatures({ kind, body, inputTokens, longestInputTokens }: FeatureOptions): RequestFeatures {
  return {
    kind,
    model: typeof body.model === 'string' ? body.model : null,
    inputTokens,
    longestInputTokens: longestInputTokens ?? inputTokens,
    requestedOutputTokens: positive(body.max_completion_tokens) ?? positive(body.max_tokens),
    answers: answersOf(kind, body),
    needs: needsOf(kind, body),
  };
}

/**
 * The output tokens that one answer of this model is expected to have. A bound above the model's own is no reason to
 * leave the model out: it simply cannot write more, so the estimate is clamped.
 */
export function expectedOutputTokens(features: RequestFeatures, model: Model): number {
  if (features.kind === 'embedding') return 0;
  return Math.min(features.requestedOutputTokens ?? DEFAULT_OUTPUT_TOKENS, model.maxOutputTokens);
}

/** The most that one answer of this model can have. */
export function mostOutputTokens({ kind, requestedOutputTokens }: RequestFeatures, { maxOutputTokens }: Model): number {
  return kind === 'embedding' ? 0 : Math.min(requestedOutputTokens ?? maxOutputTokens, maxOutputTokens);
}

/** The most that one call of this model can cost, in nano-dollars: what a budget reserves. */
export function dearestCost(features: RequestFeatures, model: Model): number {
  const outputTokens = mostOutputTokens(features, model) * features.answers;
  const { inputNano, cachedInputNano, cacheWriteNano } = model.price;
  // All of the input may be written to a cache, or read from one.
  const price = { ...model.price, inputNano: Math.max(inputNano, cachedInputNano, cacheWriteNano) };
  return estimateCost({ inputTokens: features.inputTokens, outputTokens }, price);
}

function answersOf(kind: CallKind, body: JsonObject): number {
  if (kind === 'embedding') return 0;
  const n = positive(body.n) ?? 1;
  if (kind === 'chat') return n;
  const isList = Array.isArray(body.prompt) && typeof body.prompt[0] !== 'number';
  return Math.max(n, positive(body.best_of) ?? 1) * (isList ? Math.max(1, (body.prompt as unknown[]).length) : 1);
}

function needsOf(kind: CallKind, body: JsonObject): Capability[] {
  const needs: Capability[] = [];
  if (kind === 'chat') {
    if (isFilled(body.tools) || isFilled(body.functions)) needs.push('tools');
    if (hasImage(body.messages)) needs.push('vision');
    if (isJsonObject(body.response_format) && body.response_format.type === 'json_schema') needs.push('json_schema');
  }
  if (kind !== 'embedding' && body.stream === true) needs.push('streaming');
  return needs;
}

function hasImage(messages: unknown): boolean {
  if (!Array.isArray(messages)) return false;
  for (const message of messages as unknown[]) {
    if (!isJsonObject(message) || !Array.isArray(message.content)) continue;
    for (const part of message.content as unknown[]) if (isJsonObject(part) && part.type === 'image_url') return true;
  }
  return false;
}

function isFilled(list: unknown): boolean {
  return Array.isArray(list) && list.length > 0;
}

function positive(value: unknown): number | null {
  return typeof value === 'number' && value > 0 && Number.isFinite(value) ? Math.ceil(value) : null;
}
