import type { Selectable } from 'kysely';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import type { AuditEntriesTable } from '#database/schema.js';

/** An entry as it is kept. */
export type AuditRow = Selectable<AuditEntriesTable>;

export interface AuditQuery {
  actor: string | null;
  /** An action, or all of a kind: `key.*`. */
  action: string | null;
  target: string | null;
  /** Unix milliseconds, both included; null: without a beginning, without an end. */
  fromMs: number | null;
  toMs: number | null;
  /** The number of the last entry that was read; 0 from the first. */
  after: number;
  limit: number;
}

/** Reads the audit in order: whatever becomes visible later has a higher number than all that was read. */
export class AuditReader {
  constructor(private readonly db: Db) {}

  /** The next entries that pass. Throws `store_unavailable` while the database is away. */
  async page({ actor, action, target, fromMs, toMs, after, limit }: AuditQuery): Promise<{
    entries: AuditRow[];
    hasMore: boolean;
  }> {
    let query = this.db.selectFrom('audit_entries').selectAll().where('seq', '>', after);
    if (actor !== null) query = query.where('actor', '=', actor);
    if (target !== null) query = query.where('target', '=', target);
    if (fromMs !== null) query = query.where('at_ms', '>=', fromMs);
    if (toMs !== null) query = query.where('at_ms', '<=', toMs);
    if (action !== null) {
      // Between `key.` and `key/`, the character after the dot.
      query = action.endsWith('.*')
        ? query.where('action', '>', action.slice(0, -1)).where('action', '<', `${action.slice(0, -2)}/`)
        : query.where('action', '=', action);
    }
    const rows = await answered(
      query
        .orderBy('seq')
        .limit(limit + 1)
        .execute(),
    );
    return { entries: rows.slice(0, limit), hasMore: rows.length > limit };
  }
}
