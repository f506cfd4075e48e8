import { sql } from 'kysely';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';

/** A row of `usage_attempts`, by the names of its columns. */
export type ExportedAttempt = Record<(typeof EXPORTED_COLUMNS)[number], string | number | boolean | null>;

export const EXPORTED_COLUMNS = [
  ...(['id', 'job_id', 'project', 'key', 'provider', 'model', 'state', 'error_class', 'wasted'] as const),
  ...(['usage_estimated', 'input_tokens', 'output_tokens', 'cached_input_tokens'] as const),
  ...(['cache_write_input_tokens', 'reasoning_tokens', 'cost_nano', 'waited_ms', 'ttft_ms', 'duration_ms'] as const),
  'ended_ms',
] as const;

/** Where an export goes on. */
export interface ExportCursor {
  endedMs: number;
  id: string;
}

/** The attempts one by one, in the order in which they ended. */
export class AttemptExport {
  constructor(private readonly db: Db) {}

  /** The next attempts after the cursor that ended from `fromMs` on and before `toMs`. Throws `store_unavailable` while the database is away. */
  async page(
    { fromMs, toMs }: { fromMs: number; toMs: number },
    { after, limit }: { after: ExportCursor | null; limit: number },
  ): Promise<{ attempts: ExportedAttempt[]; next: ExportCursor | null }> {
    let query = this.db
      .selectFrom('usage_attempts')
      .select(EXPORTED_COLUMNS)
      .where('ended_ms', '>=', fromMs)
      .where('ended_ms', '<', toMs);
    if (after) query = query.where(sql<boolean>`(ended_ms, id) > (${after.endedMs}::bigint, ${after.id})`);
    const attempts = await answered(query.orderBy('ended_ms').orderBy('id').limit(limit).execute());
    const last = attempts.at(-1);
    const next = last && attempts.length === limit ? { endedMs: last.ended_ms, id: last.id } : null;
    return { attempts, next };
  }
}
