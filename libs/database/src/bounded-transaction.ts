import { sql, type RawBuilder, type Transaction } from 'kysely';
import type { DatabaseSchema } from './schema.js';

/** The server ends a transaction whose client says nothing for so long: a process that was stopped, or is behind a broken line. */
const SILENCE_MS = 10_000;

/** An expression for the first SELECT of a transaction: whoever holds its locks and falls silent is cut off. */
export function endsInSilence(): RawBuilder<unknown> {
  return sql`set_config('idle_in_transaction_session_timeout', ${String(SILENCE_MS)}, true)`;
}

/** Waits for this lock and keeps it to the end of the transaction, or until its client has been silent for too long. */
export async function takeLock(trx: Transaction<DatabaseSchema>, lock: number): Promise<void> {
  await sql`SELECT ${endsInSilence()}, pg_advisory_xact_lock(${sql.lit(lock)})`.execute(trx);
}

/** As `endsInSilence`, for a transaction that somebody waits for: neither a lock nor a statement takes longer than this. */
export function endsWithin(ms: number): RawBuilder<unknown> {
  return sql`${endsInSilence()}, set_config('lock_timeout', ${String(ms)}, true), set_config('statement_timeout', ${String(ms)}, true)`;
}
