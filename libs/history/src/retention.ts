import { sql } from 'kysely';
import type { Db } from '#database/connect-database.js';

/** So few rows at a time that nobody waits for a lock. */
const AT_ONCE = 500;

/** An erased job is remembered for longer than any recorder can have held its record. */
const ERASED_MS = 7 * 24 * 3_600_000;

/** What is older than its retention goes, a few hundred rows at a time; the sums by day stay. Several processes may do it at once. */
export class Retention {
  constructor(
    private readonly db: Db,
    private readonly retentionMs: number,
  ) {}

  /** Deletes everything that is due at this moment; gives how many rows went. */
  async sweep(now: number, signal: AbortSignal): Promise<number> {
    let deleted = 0;
    for (const [table, column, keptMs] of [
      ['finished_jobs', 'finished_ms', this.retentionMs],
      ['usage_attempts', 'ended_ms', this.retentionMs],
      ['webhook_deliveries', 'ended_ms', this.retentionMs],
      ['erased_jobs', 'erased_ms', ERASED_MS],
    ] as const) {
      let found = AT_ONCE;
      while (found === AT_ONCE && !signal.aborted) {
        const { numAffectedRows = 0n } = await sql`DELETE FROM ${sql.table(table)} WHERE id IN (
          SELECT id FROM ${sql.table(table)} WHERE ${sql.ref(column)} < ${now - keptMs}
          ORDER BY ${sql.ref(column)} LIMIT ${AT_ONCE} FOR UPDATE SKIP LOCKED)`.execute(this.db);
        found = Number(numAffectedRows);
        deleted += found;
      }
    }
    return deleted;
  }
}
