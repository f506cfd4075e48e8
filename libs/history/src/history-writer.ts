import { sql, type RawBuilder } from 'kysely';
import { endsInSilence } from '#database/bounded-transaction.js';
import type { Db } from '#database/connect-database.js';
import type { FinishedJob } from '#jobs/job-store.js';
import { ATTEMPT_COLUMNS, attemptRow, type AttemptEntry } from './attempt-row.js';
import { ERASURE_LOCK } from './erasure.js';
import { waitForTurn } from './recording-order.js';

/** What is written twice is there once: each row is known by the id of its attempt, and when it ended, or of its job. */
export class HistoryWriter {
  constructor(private readonly db: Db) {}

  /** Adds attempts to the usage ledger, and those that were not in it yet to the sums of their day. */
  async addAttempts(entries: readonly AttemptEntry[]): Promise<void> {
    if (entries.length === 0) return;
    const rows = JSON.stringify(entries.map(attemptRow));
    await this.db.transaction().execute(async (trx) => {
      await waitForTurn(trx);
      await addAttemptRows(rows).execute(trx);
    });
  }

  /** Adds finished jobs, but none that was erased. Of one that ended twice, because Redis lost its first end, the later end is kept. */
  async addJobs(jobs: readonly FinishedJob[]): Promise<void> {
    if (jobs.length === 0) return;
    const rows = JSON.stringify(jobs.map(jobRow).toSorted((a, b) => (a.id < b.id ? -1 : 1)));
    await this.db.transaction().execute(async (trx) => {
      await sql`SELECT ${endsInSilence()}, pg_advisory_xact_lock_shared(${sql.lit(ERASURE_LOCK)})`.execute(trx);
      // As texts within the JSON: read as a part of it, a record would have to be without U+0000.
      await sql`
        INSERT INTO finished_jobs AS kept (id, project, key, type, state, model, created_ms, finished_ms, metadata,
          idempotency, bytes, record, work)
        SELECT id, project, key, type, state, model, created_ms, finished_ms, metadata,
          idempotency, bytes, record::json, work::json
        FROM json_to_recordset(${rows}::json) AS job (id text, project text, key text, type text, state text, model text,
          created_ms bigint, finished_ms bigint, metadata jsonb, idempotency text, bytes integer, record text, work text)
        WHERE NOT EXISTS (SELECT FROM erased_jobs WHERE erased_jobs.id = job.id)
        ON CONFLICT (id) DO UPDATE SET project = excluded.project, key = excluded.key, type = excluded.type,
          state = excluded.state, model = excluded.model, created_ms = excluded.created_ms,
          finished_ms = excluded.finished_ms, metadata = excluded.metadata, idempotency = excluded.idempotency,
          bytes = excluded.bytes, record = excluded.record, work = excluded.work
        WHERE excluded.finished_ms > kept.finished_ms`.execute(trx);
    });
  }
}

/** The statement that adds attempts (JSON), and those that it really added to the sums of their days. */
function addAttemptRows(rows: string): RawBuilder<unknown> {
  const columns = sql.join(ATTEMPT_COLUMNS.map((column) => sql.ref(column)));
  return sql`
      WITH incoming AS (
        SELECT DISTINCT ON (id, ended_ms) ${columns} FROM json_populate_recordset(NULL::usage_attempts, ${rows}::json)
        ORDER BY id, ended_ms
      ), added AS (
        INSERT INTO usage_attempts (${columns}) SELECT * FROM incoming ON CONFLICT (id, ended_ms) DO NOTHING RETURNING *
      )
      INSERT INTO usage_daily AS daily (day, project, key, provider, model, attempts, wasted_attempts,
        input_tokens, output_tokens, cached_input_tokens, cache_write_input_tokens, reasoning_tokens,
        cost_nano, wasted_cost_nano, duration_ms, first_seq, last_seq)
      SELECT (to_timestamp(ended_ms / 1000.0) AT TIME ZONE 'UTC')::date, project, key, provider, model,
        count(*), count(*) FILTER (WHERE wasted),
        sum(input_tokens), sum(output_tokens), sum(cached_input_tokens), sum(cache_write_input_tokens),
        sum(reasoning_tokens), sum(cost_nano), coalesce(sum(cost_nano) FILTER (WHERE wasted), 0), sum(duration_ms),
        min(seq), max(seq)
      FROM added GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
      ON CONFLICT (day, project, key, provider, model) DO UPDATE SET
        attempts = daily.attempts + excluded.attempts,
        wasted_attempts = daily.wasted_attempts + excluded.wasted_attempts,
        input_tokens = daily.input_tokens + excluded.input_tokens,
        output_tokens = daily.output_tokens + excluded.output_tokens,
        cached_input_tokens = daily.cached_input_tokens + excluded.cached_input_tokens,
        cache_write_input_tokens = daily.cache_write_input_tokens + excluded.cache_write_input_tokens,
        reasoning_tokens = daily.reasoning_tokens + excluded.reasoning_tokens,
        cost_nano = daily.cost_nano + excluded.cost_nano,
        wasted_cost_nano = daily.wasted_cost_nano + excluded.wasted_cost_nano,
        duration_ms = daily.duration_ms + excluded.duration_ms,
        first_seq = least(daily.first_seq, excluded.first_seq),
        last_seq = greatest(daily.last_seq, excluded.last_seq)`;
}

function jobRow(job: FinishedJob): Record<string, unknown> & { id: string } {
  const { id, project, key, type, state, model, createdAt, finishedAt, metadata } = job.record;
  const record = JSON.stringify(job.record);
  return {
    ...{ id, project, key, type, state, model, created_ms: createdAt, finished_ms: finishedAt ?? createdAt },
    metadata: searchable(metadata),
    ...{ idempotency: job.idempotency, bytes: Buffer.byteLength(record), record, work: JSON.stringify(job.work) },
  };
}

/** Metadata as the database can search it: it has no U+0000 and no halves of surrogate pairs. */
export function searchable(metadata: Record<string, string>): Record<string, string> {
  const clean = (text: string): string => text.toWellFormed().replaceAll('\0', '\u{fffd}');
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [clean(name), clean(value)]));
}
