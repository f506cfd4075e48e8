import { sql } from 'kysely';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import { ATTEMPT_COLUMNS } from './attempt-row.js';

/** A row of `usage_attempts`, by the names of its columns. */
export type ExportedAttempt = Record<(typeof ATTEMPT_COLUMNS)[number], string | number | boolean | null>;

/** Days in UTC as `YYYY-MM-DD`, both included; null: without a beginning, without an end. */
export interface ExportPeriod {
  from: string | null;
  to: string | null;
}

export interface ExportPage {
  attempts: ExportedAttempt[];
  /** Where the next page goes on, whatever is recorded until then. */
  next: number;
  /** False: at this moment there was nothing more. */
  hasMore: boolean;
}

/** So many rows are looked through for one page: attempts of other days lie between those of a day that was recorded late. */
const LOOKED_THROUGH = 50_000;

/**
 * The attempts one by one, in the order in which they were recorded: what a recorder that was away adds later, however long ago it
 * ended, comes after every cursor that was given out before.
 */
export class AttemptExport {
  constructor(
    private readonly db: Db,
    private readonly lookedThrough = LOOKED_THROUGH,
  ) {}

  /**
   * The next attempts of the period after the cursor (0: from the first). Throws `store_unavailable` while the database is away, and
   * `cursor_ahead` for one that this database has not given out: it was restored from a backup, and what it records from now on has the
   * numbers before that cursor.
   */
  async page(period: ExportPeriod, { after, limit }: { after: number; limit: number }): Promise<ExportPage> {
    if (after > 0) await this.requireKnown(after);
    const { first, last } = await answered(this.placesOf(period));
    const start = Math.max(after, first - 1);
    const stop = await answered(this.stopAfter(start, last));
    const ended = sql<string>`(to_timestamp(ended_ms / 1000.0) AT TIME ZONE 'UTC')::date`;
    let query = this.db
      .selectFrom('usage_attempts')
      .select(['seq', ...ATTEMPT_COLUMNS])
      .where('seq', '>', start)
      .where('seq', '<=', stop ?? last);
    if (period.from !== null) query = query.where(ended, '>=', period.from);
    if (period.to !== null) query = query.where(ended, '<=', period.to);
    const rows = await answered(
      query
        .orderBy('seq')
        .limit(limit + 1)
        .execute(),
    );
    const attempts = rows.slice(0, limit).map(({ seq, ...attempt }) => attempt);
    if (rows.length > limit) return { attempts, next: rows[limit - 1]?.seq ?? start, hasMore: true };
    return { attempts, next: Math.max(after, stop ?? last), hasMore: stop !== null };
  }

  private async requireKnown(cursor: number): Promise<void> {
    const { rows } = await answered(
      sql<{ last: number }>`SELECT last_value AS last FROM usage_attempts_seq_seq`.execute(this.db),
    );
    if (cursor <= (rows[0]?.last ?? 0)) return;
    const message =
      'The database has never given out this cursor: it was restored from a backup. Begin anew, and tell attempts by id and ended_ms.';
    throw new TokenhubError('cursor_ahead', message, { param: 'after' });
  }

  /** The first and the last place that attempts of the period have in the order; there are none where the last comes before the first. */
  private async placesOf({ from, to }: ExportPeriod): Promise<{ first: number; last: number }> {
    if (from === null && to === null) {
      const newest = await this.db
        .selectFrom('usage_attempts')
        .select('seq')
        .orderBy('seq', 'desc')
        .limit(1)
        .executeTakeFirst();
      return { first: 0, last: newest?.seq ?? 0 };
    }
    let query = this.db
      .selectFrom('usage_daily')
      .select(({ fn }) => [fn.min('first_seq').as('first'), fn.max('last_seq').as('last')]);
    if (from !== null) query = query.where('day', '>=', from);
    if (to !== null) query = query.where('day', '<=', to);
    const row = await query.executeTakeFirst();
    return { first: row?.first ?? 0, last: row?.last ?? 0 };
  }

  /** Where enough has been looked through; null when the last place comes before. */
  private async stopAfter(start: number, last: number): Promise<number | null> {
    const stop = await this.db
      .selectFrom('usage_attempts')
      .select('seq')
      .where('seq', '>', start)
      .where('seq', '<', last)
      .orderBy('seq')
      .offset(this.lookedThrough - 1)
      .limit(1)
      .executeTakeFirst();
    return stop?.seq ?? null;
  }
}
