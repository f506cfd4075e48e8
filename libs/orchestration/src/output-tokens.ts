import { isJsonObject, type JsonObject } from '#contracts/json.js';
import { answerOf } from './answer-text.js';

/**
 * How many tokens a text has that was made of a completion's: the provider's own count without what it thought, and so much less as the
 * text is shorter. Undefined where the provider gave none.
 */
export function outputTokens(completion: JsonObject, text: string): number | undefined {
  const { usage } = completion;
  if (!isJsonObject(usage) || typeof usage.completion_tokens !== 'number') return undefined;
  const details = usage.completion_tokens_details;
  const thought = isJsonObject(details) && typeof details.reasoning_tokens === 'number' ? details.reasoning_tokens : 0;
  const said = usage.completion_tokens - thought;
  const written = answerOf(completion).length;
  return said > 0 && written > 0 ? Math.ceil((said * text.length) / written) : undefined;
}
