import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { DatabaseSchema } from './schema.js';

/** The server ends a transaction whose client says nothing for so long: a process that was stopped, or is behind a broken line. */
const SILENCE_MS = 10_000;

/** Less than `answered` waits: whoever waits for a connection alone has it in time when all of them wait for one lock. */
const LOCK_WAIT_MS = 3_000;

/** An expression for the first SELECT of a transaction: whoever holds its locks and falls silent is cut off. */
export function endsInSilence(): RawBuilder<unknown> {
  return sql`set_config('idle_in_transaction_session_timeout', ${String(SILENCE_MS)}, true)`;
}

/**
 * Waits for this lock and keeps it to the end of the transaction, or until its client has been silent for too long. It waits three seconds
 * at most, as for every other lock of the transaction, because others need the connection; then it throws what `isDatabaseUnavailable` knows.
 */
export async function takeLock(trx: Transaction<DatabaseSchema>, lock: number): Promise<void> {
  await sql`SELECT ${endsInSilence()}, ${locksWithin(LOCK_WAIT_MS)}, pg_advisory_xact_lock(${sql.lit(lock)})`.execute(
    trx,
  );
}

/** As `takeLock`, for whom nobody waits, and who may wait long: migrations, recorders. */
export async function takeLockPatiently(trx: Transaction<DatabaseSchema>, lock: number): Promise<void> {
  await sql`SELECT ${endsInSilence()}, pg_advisory_xact_lock(${sql.lit(lock)})`.execute(trx);
}

/** As `endsInSilence`, for a transaction that somebody waits for: neither a lock nor a statement takes longer than this. */
export function endsWithin(ms: number): RawBuilder<unknown> {
  return sql`${endsInSilence()}, ${locksWithin(ms)}, set_config('statement_timeout', ${String(ms)}, true)`;
}

function locksWithin(ms: number): RawBuilder<unknown> {
  return sql`set_config('lock_timeout', ${String(ms)}, true)`;
}
