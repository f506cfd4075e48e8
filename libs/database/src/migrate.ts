import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sql, type Transaction } from 'kysely';
import { takeLockPatiently } from './bounded-transaction.js';
import { isDatabaseUnavailable, type Db } from './connect-database.js';
import type { DatabaseSchema } from './schema.js';

export interface Migration {
  version: number;
  /** Of its file: `0001-history.sql`. */
  name: string;
  sql: string;
}

/** The database was changed by a newer Tokenhub; its message is for the person who starts this one. */
export class DatabaseTooNew extends Error {
  override readonly name = 'DatabaseTooNew';
}

/** A migration cannot be done in this database; its message is for the person who starts Tokenhub. */
export class MigrationFailed extends Error {
  override readonly name = 'MigrationFailed';
}

/** Everybody who migrates takes this lock: of processes that start at once, one does the work. */
const MIGRATION_LOCK = 7_401_953;

/**
 * Brings the database to what this code was written for, in one transaction: all of it or nothing. Gives the names of the migrations
 * that it ran. Throws `DatabaseTooNew` when the database is ahead of this code, and `MigrationFailed` for what the database refuses.
 */
export async function migrate(db: Db, migrations: readonly Migration[] = readMigrations()): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    await takeLockPatiently(trx, MIGRATION_LOCK);
    await sql`CREATE TABLE IF NOT EXISTS schema_migrations (
      version integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`.execute(trx);
    const current = await currentVersion(trx);
    const newest = migrations.at(-1)?.version ?? 0;
    if (current > newest) {
      throw new DatabaseTooNew(
        `The database is at version ${current}, and this Tokenhub knows ${newest}: start the newer one, or restore an older database.`,
      );
    }
    const due = migrations.filter(({ version }) => version > current);
    for (const { version, name, sql: statements } of due) {
      await sql.raw(statements).execute(trx).catch(failedAt(name));
      await trx.insertInto('schema_migrations').values({ version, name }).execute();
    }
    return due.map(({ name }) => name);
  });
}

/** The files beside this one, in order. Throws when a number is missing or there twice. */
export function readMigrations(folder = join(import.meta.dirname, 'migrations')): Migration[] {
  const names = readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .toSorted();
  return names.map((name, i) => {
    const version = Number(/^(\d{4})-/.exec(name)?.[1]);
    if (version !== i + 1) throw new Error(`migration ${name}: its number should be ${i + 1}`);
    return { version, name, sql: readFileSync(join(folder, name), 'utf8') };
  });
}

/** Passes on that the database went away: another try may succeed. */
function failedAt(name: string): (error: unknown) => never {
  return (error) => {
    if (isDatabaseUnavailable(error)) throw error;
    const reason = (error instanceof Error ? error.message : String(error)).replaceAll(/\s*\n\s*/g, ' ');
    const message = `The migration ${name} failed, and the database is as it was before: ${reason}`;
    throw new MigrationFailed(message, { cause: error });
  };
}

async function currentVersion(trx: Transaction<DatabaseSchema>): Promise<number> {
  const row = await trx
    .selectFrom('schema_migrations')
    .select(({ fn }) => fn.max('version').as('version'))
    .executeTakeFirst();
  return row?.version ?? 0;
}
