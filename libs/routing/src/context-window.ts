import type { ContextView, LiveViews } from '#contracts/live-views.js';
import type { Model } from '#contracts/registry-snapshot.js';
import { expectedOutputTokens, type RequestFeatures } from './request-features.js';

/** Tokenizers differ and messages are framed: an estimated request must leave this much of the window free. */
const HEADROOM_PERCENT = 115;

/** An estimate is of another tokenizer and knows no chat template: it may be off by this factor either way. */
const ESTIMATE_FACTOR = 1.25;

export interface WindowOptions {
  features: RequestFeatures;
  views: Pick<LiveViews, 'contextTokens'>;
  /** By model id, where a server has counted this request's input; elsewhere the estimate decides, with headroom. */
  exactInputTokens: ReadonlyMap<string, number>;
}

/** A model's window: the configured one, or what its servers were started with where that is less. */
export function contextTokensOf(model: Pick<Model, 'id' | 'contextTokens'>, discovered: ContextView): number {
  return Math.min(model.contextTokens, discovered.get(model.id) ?? Infinity);
}

/** Why the request does not fit the model's window, in a sentence with the figures that decided; null when it fits. */
export function overflowDetail(model: Model, options: WindowOptions): string | null {
  const output = expectedOutputTokens(options.features, model);
  const window = contextTokensOf(model, options.views.contextTokens);
  const context =
    window < model.contextTokens
      ? `its servers have a context of ${window} (${model.contextTokens} is configured)`
      : `the context is ${window}`;
  const exact = options.exactInputTokens.get(model.id);
  if (exact !== undefined) {
    if (exact + output <= window) return null;
    return `${exact} input tokens by its server's count and ${output} output tokens need ${exact + output}, and ${context}.`;
  }
  const input = options.features.longestInputTokens;
  if (fitsWithHeadroom(input + output, window)) return null;
  const needed = Math.ceil(((input + output) * HEADROOM_PERCENT) / 100);
  return `${input} input and ${output} output tokens need ${needed} with 15 % headroom, and ${context}.`;
}

/** True when the estimate alone cannot tell whether the request fits the model's window: an exact count would decide. */
export function isDoubtful(model: Model, { features, views }: Omit<WindowOptions, 'exactInputTokens'>): boolean {
  const input = features.longestInputTokens;
  const output = expectedOutputTokens(features, model);
  const window = contextTokensOf(model, views.contextTokens);
  const room = window - output;
  if (input / ESTIMATE_FACTOR > room) return false;
  return input * ESTIMATE_FACTOR > room || !fitsWithHeadroom(input + output, window);
}

/** True when so many tokens, as they are estimated, surely fit. In whole numbers: 1.15 has no exact binary form, and the limit itself must fit. */
export function fitsWithHeadroom(tokens: number, window: number): boolean {
  return tokens * HEADROOM_PERCENT <= window * 100;
}
