import type { LedgerEntry } from './ledger-entry.js';

/** A transaction costs much the same for one record as for many, but is short whatever they weigh, and keeps Redis busy only for moments. */
const JOBS_AT_ONCE = 200;
const BYTES_AT_ONCE = 1_000_000;

/** An entry that has the end of a job. */
export type EndedEntry = Pick<LedgerEntry, 'job'> & { ended: NonNullable<LedgerEntry['ended']> };

/**
 * The jobs that ended, in the same order: so many at a time and, but for a larger one alone, so many bytes. One of unknown size may be
 * large.
 */
export function piecesOf(entries: readonly EndedEntry[]): string[][] {
  const pieces: string[][] = [];
  let bytes = Infinity;
  for (const { job, ended } of entries) {
    const size = ended.bytes ?? BYTES_AT_ONCE;
    const last = pieces.at(-1);
    if (last !== undefined && last.length < JOBS_AT_ONCE && bytes + size <= BYTES_AT_ONCE) {
      last.push(job);
      bytes += size;
    } else {
      pieces.push([job]);
      bytes = size;
    }
  }
  return pieces;
}
