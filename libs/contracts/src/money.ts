export const NANO_PER_USD = 1e9;

/** Prices may be fractions of a nano-dollar; beyond this many parts of one, a fraction is the noise of binary floats. */
export const NANO_PARTS = 1e6;

/** Dollars for people and for the wire. */
export function nanoToUsd(nano: number): number {
  return nano / NANO_PER_USD;
}

/** Dollars from the wire as whole nano-dollars. */
export function usdToNano(usd: number): number {
  return Math.round(usd * NANO_PER_USD);
}

/** Nano-dollars as dollars for a sentence, never in exponent form, which small amounts would take. */
export function usdText(nano: number): string {
  return nanoToUsd(nano)
    .toFixed(9)
    .replace(/\.?0+$/, '');
}
