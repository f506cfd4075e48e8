import type { KeyCharge, KeyLevel } from '#contracts/key-limits.js';

/** The charges as the scripts read them (`scripts/key-limits.lua`). */
export function chargeArgs(charges: readonly KeyCharge[]): (string | number)[] {
  return charges.flatMap(({ rule, limit, windowMs, cost }) => [rule, limit, windowMs ?? 0, cost]);
}

/** How the rules of these charges stand, from the figures that a script replied with. */
export function parseLevels(charges: readonly KeyCharge[], figures: readonly unknown[]): KeyLevel[] {
  return charges.map(({ rule, limit, windowMs }, i) => ({
    rule,
    limit,
    windowMs,
    remaining: Number(figures[2 * i]),
    fullInMs: Number(figures[2 * i + 1]),
  }));
}
