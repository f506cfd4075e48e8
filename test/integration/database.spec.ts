import type { Socket } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import pg from 'pg';
import { connectDatabase, isDatabaseUnavailable, type Database } from '#database/connect-database.js';
import { DatabaseTooNew, migrate, MigrationFailed, readMigrations, type Migration } from '#database/migrate.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';

describe.each(DATABASE_KINDS)('over %s', (kind) => {
  let server: DatabaseServer;
  const opened: Database[] = [];

  const connect = (): Database => {
    const database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    opened.push(database);
    return database;
  };

  beforeAll(async () => {
    server = await startDatabase(kind);
  });

  afterEach(async () => {
    const { db } = connect();
    await sql`DROP SCHEMA public CASCADE`.execute(db);
    await sql`CREATE SCHEMA public`.execute(db);
    await Promise.all(opened.splice(0).map((database) => database.close()));
  });

  afterAll(() => server.stop());

  describe('migrations', () => {
    it('of many processes that start at once, each runs once', async () => {
      const names = readMigrations().map(({ name }) => name);
      const ran = await Promise.all(Array.from({ length: 6 }, () => migrate(connect().db)));
      expect(ran.flat()).toStrictEqual(names);
      const rows = await connect().db.selectFrom('schema_migrations').select('name').orderBy('version').execute();
      expect(rows.map(({ name }) => name)).toStrictEqual(names);
    });

    it('that fail half-way leave nothing', async () => {
      const broken: Migration[] = [
        { version: 1, name: '0001-good.sql', sql: 'CREATE TABLE good (id integer)' },
        { version: 2, name: '0002-bad.sql', sql: 'CREATE TABLE bad (id integer); SELECT no_such_column FROM good' },
      ];
      const { db } = connect();
      const refused = migrate(db, broken);
      await expect(refused).rejects.toBeInstanceOf(MigrationFailed);
      await expect(refused).rejects.toThrow(/^The migration 0002-bad.sql failed, [^\n]+no_such_column[^\n]*$/);
      const { rows } = await sql<{
        tablename: string;
      }>`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`.execute(db);
      expect(rows).toStrictEqual([]);
      await expect(migrate(db, broken.slice(0, 1))).resolves.toStrictEqual(['0001-good.sql']);
    });

    it('of a newer Tokenhub are refused in one line', async () => {
      const { db } = connect();
      await migrate(db);
      await db.insertInto('schema_migrations').values({ version: 9_999, name: '9999-later.sql' }).execute();
      const refused = migrate(db);
      await expect(refused).rejects.toBeInstanceOf(DatabaseTooNew);
      await expect(refused).rejects.toThrow(/^The database is at version 9999, and this Tokenhub knows \d+: [^\n]+$/);
    });
  });

  describe('queries', () => {
    it('of several connections with parameters of their own do not get into each other', async () => {
      const [a, b] = [connect(), connect()];
      const ask = async ({ db }: Database, n: number): Promise<boolean> => {
        const column = `c${n}`;
        const { rows } = await sql<Record<string, number>>`SELECT ${n}::integer AS ${sql.ref(column)}`.execute(db);
        return rows[0]?.[column] === n;
      };
      const answers = await Promise.all(Array.from({ length: 600 }, (_, n) => ask(n % 2 === 0 ? a : b, n)));
      expect(answers.filter((right) => !right)).toHaveLength(0);
    });

    it('of transactions on several connections are each all or nothing', async () => {
      const { db } = connect();
      await sql`CREATE TABLE counters (id integer PRIMARY KEY, value integer NOT NULL)`.execute(db);
      await sql`INSERT INTO counters VALUES (1, 0), (2, 0)`.execute(db);
      const others = [connect(), connect(), connect()];
      const move = (n: number): Promise<void> =>
        (others[n % 3] ?? connect()).db
          .transaction()
          .execute(async (trx) => {
            await sql`UPDATE counters SET value = value + 1 WHERE id = 1`.execute(trx);
            if (n % 4 === 0) throw new Error('changed my mind');
            await sql`UPDATE counters SET value = value + 1 WHERE id = 2`.execute(trx);
          })
          .catch((error: unknown) => {
            if (!(error instanceof Error && error.message === 'changed my mind')) throw error;
          });
      await Promise.all(Array.from({ length: 60 }, (_, n) => move(n)));
      const { rows } = await sql<{ value: number }>`SELECT value FROM counters ORDER BY id`.execute(db);
      expect(rows).toStrictEqual([{ value: 45 }, { value: 45 }]);
    });

    it('of a client that vanished in a transaction are undone, and others go on', async () => {
      const { db } = connect();
      await sql`CREATE TABLE kept (id integer)`.execute(db);
      const client = new pg.Client({ connectionString: server.url });
      client.on('error', () => undefined);
      await client.connect();
      await client.query('BEGIN');
      await client.query('INSERT INTO kept VALUES ($1)', [1]);
      (client as unknown as { connection: { stream: Socket } }).connection.stream.destroy();
      await sql`INSERT INTO kept VALUES (2)`.execute(db);
      const { rows } = await sql`SELECT id FROM kept`.execute(db);
      expect(rows).toStrictEqual([{ id: 2 }]);
    });

    it('read big integers as numbers and days as they are written', async () => {
      const { rows } = await sql<{ big: number; sum: number; day: string }>`SELECT 9007199254740991::bigint AS big,
        sum(x)::numeric AS sum, DATE '2026-02-28' AS day FROM (VALUES (1::bigint), (2)) AS t (x)`.execute(connect().db);
      expect(rows).toStrictEqual([{ big: 9_007_199_254_740_991, sum: 3, day: '2026-02-28' }]);
    });
  });

  it('a connection that is lost in the middle of a transaction fails the transaction, and not the process', async () => {
    const reported: unknown[] = [];
    const database = connectDatabase(server.url, { name: 'test', onError: (error) => reported.push(error) });
    opened.push(database);
    const lost = database.db.transaction().execute(async (trx) => {
      await sql`SELECT 1`.execute(trx);
      await server.kill();
      await waitFor(() => reported.length > 0, { describe: 'the loss to be noticed' });
      await sql`SELECT 2`.execute(trx);
    });
    const refusal = await lost.catch((error: unknown) => error);
    expect(isDatabaseUnavailable(refusal)).toBe(true);
    await server.restart();
    await waitFor(() => sql`SELECT 1`.execute(database.db));
  });

  it('a server that was killed keeps what was committed, and the pool finds it again', async () => {
    const { db } = connect();
    await sql`CREATE TABLE kept (id integer)`.execute(db);
    await sql`INSERT INTO kept VALUES (1)`.execute(db);
    await server.kill();
    const refusal = await sql`SELECT 1`.execute(db).catch((error: unknown) => error);
    expect(isDatabaseUnavailable(refusal)).toBe(true);
    await server.restart();
    const rows = await waitFor(async () => (await sql<{ id: number }>`SELECT id FROM kept`.execute(db)).rows);
    expect(rows).toStrictEqual([{ id: 1 }]);
  });
});

it('a migration that is cut off half-way by the death of the server leaves nothing, and is done when it is back', async () => {
  const server = await startDatabase('postgres');
  const database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
  const gate = new pg.Client({ connectionString: server.url });
  gate.on('error', () => undefined);
  try {
    await gate.connect();
    await gate.query('SELECT pg_advisory_lock(1)');
    const halves: Migration[] = [
      { version: 1, name: '0001-first.sql', sql: 'CREATE TABLE first (id integer)' },
      { version: 2, name: '0002-second.sql', sql: 'CREATE TABLE second (id integer); SELECT pg_advisory_xact_lock(1)' },
    ];
    const refusal = migrate(database.db, halves).catch((error: unknown) => error);
    await waitFor(
      async () => (await gate.query(`SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted`)).rows.length,
      { describe: 'the migration to be half-way' },
    );
    await server.kill();
    expect(isDatabaseUnavailable(await refusal)).toBe(true);
    await server.restart();
    const tables = await waitFor(
      async () => (await sql`SELECT FROM pg_tables WHERE schemaname = 'public'`.execute(database.db)).rows,
      { timeoutMs: 20_000 },
    );
    expect(tables).toStrictEqual([]);
    await expect(migrate(database.db, halves)).resolves.toStrictEqual(['0001-first.sql', '0002-second.sql']);
  } finally {
    await gate.end();
    await database.close();
    await server.stop();
  }
});
