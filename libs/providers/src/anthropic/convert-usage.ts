import { isJsonObject, type JsonObject } from '#contracts/json.js';
import type { Usage } from '#contracts/usage.js';

/** Anthropic's figures; what was read from the cache or written to it is not in `input`. */
interface Figures {
  input: number;
  cacheRead: number;
  cacheWrite: number;
  output: number;
  thinking: number;
}

/** Anthropic's usage object as ours; null when it is absent or has no readable figure for the input. */
export function toUsage(value: unknown): Usage | null {
  const figures = figuresOf(value);
  if (figures === null) return null;
  return {
    inputTokens: promptOf(figures),
    outputTokens: figures.output,
    cachedInputTokens: figures.cacheRead,
    cacheWriteInputTokens: figures.cacheWrite,
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
  if (input === null) return null;
  const output = tokens(value.output_tokens) ?? 0;
  const details = isJsonObject(value.output_tokens_details) ? value.output_tokens_details : {};
  return {
    input,
    cacheRead: tokens(value.cache_read_input_tokens) ?? 0,
    cacheWrite: tokens(value.cache_creation_input_tokens) ?? 0,
    output,
    thinking: Math.min(tokens(details.thinking_tokens) ?? 0, output),
  };
}

function promptOf({ input, cacheRead, cacheWrite }: Figures): number {
  return input + cacheRead + cacheWrite;
}

function tokens(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 ? value : null;
}
