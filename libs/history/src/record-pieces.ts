/** A transaction costs the same for one record as for many, but is short whatever they weigh; and nobody waits long for Redis meanwhile. */
const JOBS_AT_ONCE = 200;
const BYTES_AT_ONCE = 1_000_000;

/**
 * The ids of records that wait, in the same order: so many at a time and, but for a larger one alone, so many bytes. One without a size
 * does not wait; one whose size is not known (0) may be large.
 */
export function piecesOf(ids: readonly string[], sizes: readonly (number | null)[]): string[][] {
  const pieces: string[][] = [];
  let bytes = Infinity;
  ids.forEach((id, i) => {
    const held = sizes[i] ?? null;
    if (held === null) return;
    const size = held === 0 ? BYTES_AT_ONCE : held;
    const last = pieces.at(-1);
    if (last !== undefined && last.length < JOBS_AT_ONCE && bytes + size <= BYTES_AT_ONCE) {
      last.push(id);
      bytes += size;
    } else {
      pieces.push([id]);
      bytes = size;
    }
  });
  return pieces;
}
