import { sql } from 'kysely';
import type { JobState, JobType } from '#contracts/job-state.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import type { FinishedJob } from '#jobs/job-store.js';
import { ERASURE_LOCK } from './erasure.js';
import { searchable } from './history-writer.js';

/** Which jobs of a project; what is absent does not matter. */
export interface JobFilter {
  state?: JobState;
  type?: JobType;
  /** That answered. */
  model?: string;
  key?: string;
  /** Pairs that it must have, among others. */
  metadata?: Record<string, string>;
}

/** Finished jobs as they were recorded. Throws `store_unavailable` while the database is away. */
export class JobHistory {
  constructor(private readonly db: Db) {}

  /** Null when there is none (yet, or any more). */
  async read(jobId: string): Promise<FinishedJob | null> {
    const row = await answered(
      this.db.selectFrom('finished_jobs').select('record').where('id', '=', jobId).executeTakeFirst(),
    );
    return row ? toFinishedJob(row.record) : null;
  }

  /** Whose it is, and how it ended. */
  async look(jobId: string): Promise<{ project: string; state: JobState } | null> {
    const row = await answered(
      this.db.selectFrom('finished_jobs').select(['project', 'state']).where('id', '=', jobId).executeTakeFirst(),
    );
    return row ? { project: row.project, state: row.state as JobState } : null;
  }

  /** A project's jobs, newest first, from the one after `after`. */
  async list(
    project: string,
    { after, limit, filter }: { after: string | null; limit: number; filter: JobFilter },
  ): Promise<FinishedJob[]> {
    const { state, type, model, key, metadata } = filter;
    let query = this.db.selectFrom('finished_jobs').select('record').where('project', '=', project);
    if (after !== null) query = query.where('id', '<', after);
    for (const [column, value] of [
      ['state', state],
      ['type', type],
      ['model', model],
      ['key', key],
    ] as const) {
      if (value !== undefined) query = query.where(column, '=', value);
    }
    if (metadata) query = query.where(sql<boolean>`metadata @> ${JSON.stringify(searchable(metadata))}::jsonb`);
    const rows = await answered(query.orderBy('id', 'desc').limit(limit).execute());
    return rows.map(({ record }) => toFinishedJob(record));
  }

  /**
   * Erases a job, and sees to it that a recorder that has just read it does not bring it back. Gives what is left of it elsewhere: the
   * Redis key of its idempotency key; null when it had none, or was not recorded.
   */
  async erase(jobId: string): Promise<{ found: boolean; idempotency: string | null }> {
    const erased = this.db.transaction().execute(async (trx) => {
      await sql`SELECT pg_advisory_xact_lock(${sql.lit(ERASURE_LOCK)})`.execute(trx);
      await trx
        .insertInto('erased_jobs')
        .values({ id: jobId, erased_ms: Date.now() })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
      return trx.deleteFrom('finished_jobs').where('id', '=', jobId).returning('record').executeTakeFirst();
    });
    const row = await answered(erased);
    return { found: row !== undefined, idempotency: row ? toFinishedJob(row.record).idempotency : null };
  }
}

/** The writer puts nothing else there. */
function toFinishedJob(record: object): FinishedJob {
  return record as FinishedJob;
}
