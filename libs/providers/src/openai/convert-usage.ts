import { isJsonObject } from '#contracts/json.js';
import type { Usage } from '#contracts/usage.js';
import { hasNonsense, tokenFigure as tokens } from '../token-figure.js';

/** An OpenAI-shaped usage object as ours; null when it is absent, or its figures are unreadable. */
export function toUsage(value: unknown): Usage | null {
  if (!isJsonObject(value)) return null;
  const inputTokens = tokens(value.prompt_tokens);
  if (inputTokens === null) return null;
  if (hasNonsense(value, value.prompt_tokens_details, value.completion_tokens_details)) return null;
  const completion = tokens(value.completion_tokens) ?? 0;
  const reasoning = detail(value.completion_tokens_details, 'reasoning_tokens') ?? 0;
  const outputTokens = withReasoning({
    completion,
    reasoning,
    total: tokens(value.total_tokens),
    input: inputTokens,
  });
  // DeepSeek's name for the cached part stands beside the details.
  const reported = detail(value.prompt_tokens_details, 'cached_tokens') ?? tokens(value.prompt_cache_hit_tokens) ?? 0;
  const cached = Math.min(reported, inputTokens);
  const written = detail(value.prompt_tokens_details, 'cache_write_tokens') ?? 0;
  return {
    inputTokens,
    outputTokens,
    cachedInputTokens: cached,
    cacheWriteInputTokens: Math.min(written, inputTokens - cached),
    reasoningTokens: Math.min(reasoning, outputTokens),
  };
}

/** OpenAI counts reasoning inside the completion; a total that adds it up once more says that this provider (xAI) does not. */
function withReasoning(counted: {
  completion: number;
  reasoning: number;
  total: number | null;
  input: number;
}): number {
  const { completion, reasoning, total, input } = counted;
  return reasoning > 0 && total === input + completion + reasoning ? completion + reasoning : completion;
}

function detail(details: unknown, field: string): number | null {
  return isJsonObject(details) ? tokens(details[field]) : null;
}
