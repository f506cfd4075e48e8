const FIRST = 'A'.charCodeAt(0);

/** The letter by which a judge knows the candidate at this place: A for the first. */
export function letterOf(index: number): string {
  return String.fromCharCode(FIRST + index);
}

/** The candidate that a letter of either case means; null when there is none. */
export function candidateOf(letter: string, candidateIds: readonly string[]): string | null {
  return letter.length === 1 ? (candidateIds[letter.toUpperCase().charCodeAt(0) - FIRST] ?? null) : null;
}
