import { sql, type Transaction } from 'kysely';
import type { DatabaseSchema } from '#database/schema.js';

const ORDER_LOCK = 7_401_955;

/** The server ends a transaction whose client says nothing for so long: a process that was stopped, or is behind a broken line. */
const SILENCE_MS = 10_000;

/**
 * Waits until no other transaction adds attempts, and keeps others waiting until this one has ended: so attempts become visible in the
 * order of their numbers, and an export that has seen one has seen all before it.
 */
export async function waitForTurn(trx: Transaction<DatabaseSchema>): Promise<void> {
  await sql`SELECT set_config('idle_in_transaction_session_timeout', ${String(SILENCE_MS)}, true),
    pg_advisory_xact_lock(${sql.lit(ORDER_LOCK)})`.execute(trx);
}
