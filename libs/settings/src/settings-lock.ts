import { sql, type Transaction } from 'kysely';
import { takeLock } from '#database/bounded-transaction.js';
import type { Db } from '#database/connect-database.js';
import type { DatabaseSchema } from '#database/schema.js';

/** Everybody who changes settings, or what is published in one order with them, takes this lock. */
const SETTINGS_LOCK = 7_401_956;

/** One change at a time, anywhere: what it was checked against stands until it is committed. */
export function underSettingsLock<T>(db: Db, work: (trx: Transaction<DatabaseSchema>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (trx) => {
    await takeLock(trx, SETTINGS_LOCK);
    return work(trx);
  });
}

/**
 * The revision of a change. Never behind the clock: a database that was restored from a copy goes on after what was published before.
 */
export async function nextRevision(trx: Transaction<DatabaseSchema>): Promise<number> {
  const { revision } = await trx
    .updateTable('settings_revision')
    .set({ revision: sql<number>`GREATEST(revision + 1, ${Date.now()})` })
    .returning('revision')
    .executeTakeFirstOrThrow();
  return revision;
}
