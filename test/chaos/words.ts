import type { Dice } from './dice.ts';

const WORDS =
  'alpha bravo charlie delta echo foxtrot golf hotel india juliett kilo lima mike november oscar papa'.split(' ');

/** So many words, drawn at random; both bounds included. */
export function words(dice: Dice, fewest: number, most: number): string {
  return Array.from({ length: dice.between(fewest, most) }, () => dice.pick(WORDS)).join(' ');
}
