const MOST_HINTS = 5;
/** Longer names are compared by their beginnings: a client may have sent anything. */
const COMPARED_LENGTH = 64;

/** Up to five known names that a mistyped one may have meant, nearest first. */
export function nearestNames(wrong: string, known: Iterable<string>): string[] {
  const asked = wrong.slice(0, COMPARED_LENGTH).toLowerCase();
  const near: { name: string; distance: number }[] = [];
  for (const name of known) {
    const candidate = name.slice(0, COMPARED_LENGTH).toLowerCase();
    const contained = asked.length >= 3 && (candidate.includes(asked) || asked.includes(candidate));
    const distance = contained ? 1 : editDistance(asked, candidate);
    if (distance <= Math.max(2, asked.length / 3)) near.push({ name, distance });
  }
  near.sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1));
  return near.slice(0, MOST_HINTS).map(({ name }) => name);
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const substituted = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(substituted, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
