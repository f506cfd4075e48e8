import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { HistoryWriter } from '#history/history-writer.js';
import { Retention } from '#history/retention.js';
import type { FinishedJob } from '#jobs/job-store.js';
import { startPglite, type DatabaseServer } from '#testing/postgres-harness.js';
import { newJob } from './support/new-job.js';
import { seededRandom } from './support/seeded-random.js';

const ROUNDS = 16;
const JOBS = 200;
const MB = 1024 * 1024;

let server: DatabaseServer;
let database: Database;

beforeEach(async () => {
  server = await startPglite({ tidyEveryMs: 20 });
  database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
  await migrate(database.db);
});

afterEach(async () => {
  await database.close();
  await server.stop();
});

/** Of this folder of the data, and everything in it; the server may take a file away at any time. */
function bytesOf(folder: string): number {
  const entries = readdirSync(join(server.dir, 'data', folder), { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => statSync(join(entry.parentPath, entry.name), { throwIfNoEntry: false })?.size ?? 0)
    .reduce((sum, size) => sum + size, 0);
}

/** Jobs with answers of some thousand characters, of which none is like another. */
function finishedJobs(round: number): FinishedJob[] {
  const random = seededRandom(round);
  return Array.from({ length: JOBS }, () => {
    const result = Array.from({ length: 600 }, () => random(2 ** 30).toString(36)).join(' ');
    const job = newJob();
    return {
      record: { ...job, state: 'completed', finishedAt: 1, result },
      work: {},
      idempotency: null,
    } as unknown as FinishedJob;
  });
}

it('what is recorded and forgotten again takes no more room with each round', async () => {
  const writer = new HistoryWriter(database.db);
  const retention = new Retention(database.db, 1_000);
  const sizes: { base: number; log: number }[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    await writer.addJobs(finishedJobs(round));
    await expect(retention.sweep(Date.now(), new AbortController().signal)).resolves.toBe(JOBS);
    // As if it had written another 16 MB.
    await sql`SELECT pg_switch_wal()`.execute(database.db);
    sizes.push({ base: bytesOf('base'), log: bytesOf('pg_wal') });
  }
  const [third, last] = [sizes[2], sizes.at(-1)];
  // Some rounds may come before a VACUUM, which adds their megabyte each once; without one all of them would.
  expect(last?.base).toBeLessThan((third?.base ?? 0) + 9 * MB);
  // Some segments are kept for what comes next (min_wal_size).
  expect(last?.log).toBeLessThanOrEqual(7 * 16 * MB);
}, 120_000);
