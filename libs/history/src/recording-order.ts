import type { Transaction } from 'kysely';
import { takeLockPatiently } from '#database/bounded-transaction.js';
import type { DatabaseSchema } from '#database/schema.js';

const ORDER_LOCK = 7_401_955;

/**
 * Waits until no other transaction adds attempts, and keeps others waiting until this one has ended: so attempts become visible in the
 * order of their numbers, and an export that has seen one has seen all before it.
 */
export async function waitForTurn(trx: Transaction<DatabaseSchema>): Promise<void> {
  await takeLockPatiently(trx, ORDER_LOCK);
}
