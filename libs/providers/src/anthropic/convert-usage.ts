import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Usage } from '#contracts/usage.js';
import { hasNonsense, tokenFigure as tokens } from '../token-figure.js';

/** Anthropic's figures; what was read from the cache or written to it is not in `input`. */
interface Figures {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  /** The part of it that is kept for an hour. */
  cacheWrite1h: number;
  output: number;
  thinking: number;
}

/** Anthropic's usage object as ours; null when it is absent, or its figures are unreadable. */
export function toUsage(value: unknown): Usage | null {
  const figures = figuresOf(value);
  if (figures === null) return null;
  return {
    inputTokens: promptOf(figures),
    outputTokens: figures.output,
    cachedInputTokens: figures.cacheRead,
    cacheWriteInputTokens: figures.cacheWrite,
    ...(figures.cacheWrite1h > 0 && { cacheWrite1hInputTokens: figures.cacheWrite1h }),
    reasoningTokens: figures.thinking,
  };
}

/** Anthropic's usage object in OpenAI's shape, or null. */
export function toOpenAiUsage(value: unknown): JsonObject | null {
  const figures = figuresOf(value);
  if (figures === null) return null;
  const prompt = promptOf(figures);
  return {
    prompt_tokens: prompt,
    completion_tokens: figures.output,
    total_tokens: prompt + figures.output,
    prompt_tokens_details: { cached_tokens: figures.cacheRead, cache_write_tokens: figures.cacheWrite },
    completion_tokens_details: { reasoning_tokens: figures.thinking },
  };
}

/** A stream's usage so far and its latest; figures are cumulative, and one that is left out stands as it was. */
export function mergeUsage(before: JsonObject, latest: unknown): JsonObject {
  if (!isJsonObject(latest)) return before;
  const said = Object.entries(latest).filter(([, value]) => value !== null && value !== undefined);
  return { ...before, ...Object.fromEntries(said) };
}

function figuresOf(value: unknown): Figures | null {
  if (!isJsonObject(value)) return null;
  const input = tokens(value.input_tokens);
  const creation = isJsonObject(value.cache_creation) ? value.cache_creation : {};
  if (input === null || hasNonsense(value, creation, value.output_tokens_details)) return null;
  const output = tokens(value.output_tokens) ?? 0;
  const details = isJsonObject(value.output_tokens_details) ? value.output_tokens_details : {};
  const cacheWrite = tokens(value.cache_creation_input_tokens) ?? 0;
  return {
    input,
    cacheRead: tokens(value.cache_read_input_tokens) ?? 0,
    cacheWrite,
    cacheWrite1h: Math.min(tokens(creation.ephemeral_1h_input_tokens) ?? 0, cacheWrite),
    output,
    thinking: Math.min(tokens(details.thinking_tokens) ?? 0, output),
  };
}

function promptOf({ input, cacheRead, cacheWrite }: Figures): number {
  return input + cacheRead + cacheWrite;
}
