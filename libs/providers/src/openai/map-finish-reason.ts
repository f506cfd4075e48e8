import { isEnd } from '../accumulate-answer.js';

/**
 * The reason for which a choice ended, or null when it has not ended well. OpenAI's reasons and those that compatible
 * servers add go through unchanged; only the ones that report a failure in place of an error are no end.
 */
export function toFinishReason(value: unknown): string | null {
  return isEnd(value) ? value : null;
}
