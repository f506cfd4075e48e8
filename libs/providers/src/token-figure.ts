import { isJsonObject } from '#contracts/json.js';

/** No call has more tokens than this: a figure beyond it is an upstream's nonsense, as a negative one is. */
const MOST_TOKENS = 1e9;

/** A number of tokens as a provider reports it; null for what is none. */
export function tokenFigure(value: unknown): number | null {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= MOST_TOKENS ? value : null;
}

/** True when one of these is a number of tokens that nobody can have used: then none is to be trusted, and we count ourselves. */
export function hasNonsense(...figures: unknown[]): boolean {
  const named = figures.filter(isJsonObject).flatMap((one) => Object.entries(one));
  return named.some(([name, value]) => name.endsWith('_tokens') && typeof value === 'number' && value > MOST_TOKENS);
}
