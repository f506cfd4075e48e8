import { describe, expect, it } from '@jest/globals';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { DatabaseProbe } from '#history/database-probe.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';

describe.each(DATABASE_KINDS)('what is said of a database of %s', (kind) => {
  async function withServer(use: (server: DatabaseServer, database: Database) => Promise<void>): Promise<void> {
    const server = await startDatabase(kind);
    const database = connectDatabase(server.url, { name: 'test', connections: 2, onError: () => undefined });
    try {
      await use(server, database);
    } finally {
      await server.stop();
      await database.close();
    }
  }

  it('is whether it answers, also when it comes back', async () => {
    await withServer(async (server, database) => {
      const probe = new DatabaseProbe(database);
      const says = (status: string): Promise<unknown> =>
        waitFor(async () => (await probe.status()) === status, { describe: status });
      await says('reachable');
      await server.kill();
      await says('away');
      await server.restart();
      await says('reachable');
    });
  });
});

it('a database that hangs is said to be away, and nobody waits for it to go on', async () => {
  // PostgreSQL cannot be paused as a whole: its connections have processes of their own.
  const server = await startDatabase('pglite');
  const database = connectDatabase(server.url, { name: 'test', connections: 2, onError: () => undefined });
  try {
    const probe = new DatabaseProbe(database);
    await waitFor(async () => (await probe.status()) === 'reachable');
    server.pause();
    const answers = await Promise.all(Array.from({ length: 10 }, () => probe.status()));
    expect(new Set(answers)).toStrictEqual(new Set(['away']));
  } finally {
    await server.stop();
    await database.close();
  }
});

it('what is said where no history is kept is that it is off', async () => {
  await expect(new DatabaseProbe(null).status()).resolves.toBe('off');
});
