import { sql } from 'kysely';
import type { JobState } from '#contracts/job-state.js';
import { answered, storeUnavailable } from '#database/answered.js';
import { endsWithin } from '#database/bounded-transaction.js';
import type { Db } from '#database/connect-database.js';
import { PAGE_BYTES, type JobsFound } from '#jobs/job-page.js';
import type { JobRecord } from '#jobs/job-record.js';
import type { JobWork } from '#jobs/job-store.js';
import { ERASURE_LOCK } from './erasure.js';
import { jobQuery, type ListOptions } from './job-query.js';

/** Somebody waits for an erasure, and is told that it failed a little later than this (`answered`). */
const ERASE_MS = 4_000;

/** Finished jobs as they were recorded. Throws `store_unavailable` while the database is away. */
export class JobHistory {
  constructor(
    private readonly db: Db,
    private readonly pageBytes = PAGE_BYTES,
  ) {}

  /** Null when there is none (yet, or any more). */
  async read(jobId: string): Promise<JobRecord | null> {
    const row = await answered(
      this.db.selectFrom('finished_jobs').select('record').where('id', '=', jobId).executeTakeFirst(),
    );
    return row ? (row.record as JobRecord) : null;
  }

  /** What it was asked to do; null as above. */
  async readWork(jobId: string): Promise<JobWork | null> {
    const row = await answered(
      this.db.selectFrom('finished_jobs').select('work').where('id', '=', jobId).executeTakeFirst(),
    );
    return row ? (row.work as JobWork) : null;
  }

  /** Whose it is, and how it ended. */
  async look(jobId: string): Promise<{ project: string; state: JobState } | null> {
    const row = await answered(
      this.db.selectFrom('finished_jobs').select(['project', 'state']).where('id', '=', jobId).executeTakeFirst(),
    );
    return row ? { project: row.project, state: row.state as JobState } : null;
  }

  /** The jobs of a project, or (null) of all, newest first, from the one after `after`; fewer than were asked for where they are large. */
  async list(project: string | null, options: ListOptions): Promise<JobsFound> {
    const { rows } = await answered(jobQuery(project, options, this.pageBytes).execute(this.db));
    const records = rows.flatMap(({ record }) => (record === null ? [] : [record as JobRecord]));
    return { records, lookedTo: records.length < rows.length ? (records.at(-1)?.id ?? null) : null };
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
      const row = await trx
        .deleteFrom('finished_jobs')
        .where('id', '=', jobId)
        .returning('idempotency')
        .executeTakeFirst();
      // Whoever asked has been told that nothing was erased, and Redis still has it.
      if (performance.now() > giveUpAt) throw storeUnavailable();
      return row;
    });
    const row = await answered(erased);
    return { found: row !== undefined, idempotency: row?.idempotency ?? null };
  }
}
