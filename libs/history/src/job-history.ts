import { sql } from 'kysely';
import type { JobState } from '#contracts/job-state.js';
import { answered, storeUnavailable } from '#database/answered.js';
import { endsWithin } from '#database/bounded-transaction.js';
import type { Db } from '#database/connect-database.js';
import type { FinishedJob } from '#jobs/job-store.js';
import { ERASURE_LOCK } from './erasure.js';
import { jobQuery, type ListOptions } from './job-query.js';

/** Somebody waits for an erasure, and is told that it failed a little later than this (`answered`). */
const ERASE_MS = 4_000;

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

  /** The jobs of a project, or (null) of all, newest first, from the one after `after`. */
  async list(project: string | null, options: ListOptions): Promise<FinishedJob[]> {
    const { rows } = await answered(jobQuery(project, options).execute(this.db));
    return rows.map(({ record }) => toFinishedJob(record));
  }

  /**
   * Erases a job, and sees to it that a recorder that has just read it does not bring it back. Gives what is left of it elsewhere: the
   * Redis key of its idempotency key; null when it had none, or was not recorded.
   */
  async erase(jobId: string): Promise<{ found: boolean; idempotency: string | null }> {
    const giveUpAt = performance.now() + ERASE_MS;
    const erased = this.db.transaction().execute(async (trx) => {
      await sql`SELECT ${endsWithin(ERASE_MS)}, pg_advisory_xact_lock(${sql.lit(ERASURE_LOCK)})`.execute(trx);
      await trx
        .insertInto('erased_jobs')
        .values({ id: jobId, erased_ms: Date.now() })
        .onConflict((conflict) => conflict.column('id').doNothing())
        .execute();
      const row = await trx.deleteFrom('finished_jobs').where('id', '=', jobId).returning('record').executeTakeFirst();
      // Whoever asked has been told that nothing was erased, and Redis still has it.
      if (performance.now() > giveUpAt) throw storeUnavailable();
      return row;
    });
    const row = await answered(erased);
    return { found: row !== undefined, idempotency: row ? toFinishedJob(row.record).idempotency : null };
  }
}

/** The writer puts nothing else there. */
function toFinishedJob(record: object): FinishedJob {
  return record as FinishedJob;
}
