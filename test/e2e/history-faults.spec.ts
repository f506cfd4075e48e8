import { afterEach, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { keys } from '#platform/keys.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { startStack, type Stack, type StackOptions } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';

let stack: Stack;
let redis: RedisClient;
let database: Database;

async function start(options: StackOptions): Promise<void> {
  stack = await startStack({ database: 'postgres', ...options });
  redis = connectRedis({ kind: 'single', url: stack.redis.url }, { name: 'test', whenAway: 'wait' });
  redis.on('error', () => undefined);
  database = connectDatabase(stack.database?.url ?? '', { name: 'test', onError: () => undefined });
}

afterEach(async () => {
  redis.disconnect();
  await database.close();
  await stack.stop();
}, 60_000);

const post = (waitS: number | null = null, content = 'Say it.', more: object = {}): Promise<Response> =>
  fetch(`${stack.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(waitS !== null && { prefer: `wait=${waitS}` }) },
    body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content }] }, ...more }),
  });

const stateOf = async (id: string): Promise<string> =>
  ((await (await fetch(`${stack.url}/v1/jobs/${id}`)).json()) as { state: string }).state;

async function postMany(count: number): Promise<string[]> {
  const answers = await Promise.all(Array.from({ length: count }, () => post()));
  const jobs = await Promise.all(answers.map((answer) => answer.json() as Promise<{ id: string }>));
  return jobs.map(({ id }) => id);
}

async function recordedIds(): Promise<string[]> {
  const rows = await database.db.selectFrom('finished_jobs').select('id').execute();
  return rows.map(({ id }) => id).toSorted();
}

const everythingRecorded = (ids: string[]): Promise<boolean> =>
  waitFor(async () => (await recordedIds()).length === ids.length && (await redis.xlen(keys.ledger())) === 0, {
    timeoutMs: 60_000,
    describe: `${ids.length} jobs to be recorded`,
  });

it('workers killed under load: every job is recorded once, every attempt counted once', async () => {
  await start({ workers: 2 });
  const ids = await postMany(60);
  await stack.workers[0]?.kill();
  ids.push(...(await postMany(60)));
  await stack.startWorker();
  await stack.workers[1]?.kill();
  ids.push(...(await postMany(30)));
  await everythingRecorded(ids);
  await expect(recordedIds()).resolves.toStrictEqual(ids.toSorted());
  const { rows } = await sql<{ completed: number; attempts: number; daily: number }>`SELECT
    (SELECT count(DISTINCT job_id) FROM usage_attempts WHERE state = 'completed') AS completed,
    (SELECT count(*) FROM usage_attempts) AS attempts,
    (SELECT sum(attempts)::bigint FROM usage_daily) AS daily`.execute(database.db);
  expect(rows[0]?.completed).toBe(ids.length);
  expect(rows[0]?.daily).toBe(rows[0]?.attempts);
}, 180_000);

it('the database killed again and again under load: jobs go on, and every attempt is counted exactly once', async () => {
  await start({ workers: 2 });
  const ids: string[] = [];
  const done = new AbortController();
  const load = Array.from({ length: 8 }, async () => {
    while (!done.signal.aborted) {
      const job = (await (await post(30)).json()) as { id: string; state: string };
      expect(job.state).toBe('completed');
      ids.push(job.id);
    }
  });
  const more = (count: number): Promise<boolean> => {
    const enough = ids.length + count;
    return waitFor(() => ids.length >= enough, { timeoutMs: 60_000, describe: `${count} more jobs to end` });
  };
  await more(100);
  for (let kill = 0; kill < 3; kill++) {
    await stack.database?.kill();
    await more(100);
    await stack.database?.restart();
    await waitFor(async () => (await redis.xlen(keys.ledger())) < 50, {
      timeoutMs: 60_000,
      describe: 'it to catch up',
    });
    await more(50);
  }
  done.abort();
  await Promise.all(load);
  await everythingRecorded(ids);
  await expect(recordedIds()).resolves.toStrictEqual(ids.toSorted());
  const { rows } = await sql<{ uneven: number; attempts: number; daily: number; cost: number; spent: number }>`SELECT
    (SELECT count(*) FROM finished_jobs AS job WHERE json_array_length(record -> 'attempts')
      <> (SELECT count(*) FROM usage_attempts WHERE job_id = job.id)) AS uneven,
    (SELECT count(*) FROM usage_attempts) AS attempts,
    (SELECT sum(attempts)::bigint FROM usage_daily) AS daily,
    (SELECT sum((record ->> 'costNano')::bigint)::bigint FROM finished_jobs) AS cost,
    (SELECT sum(cost_nano)::bigint FROM usage_daily) AS spent`.execute(database.db);
  expect(rows[0]?.uneven).toBe(0);
  expect(rows[0]?.daily).toBe(rows[0]?.attempts);
  expect(rows[0]?.spent).toBe(rows[0]?.cost);
  for (const worker of stack.workers) expect(worker.isRunning()).toBe(true);
}, 240_000);

it('with the database away at the start, processes start, jobs end, and all is recorded when it comes', async () => {
  await start({ workers: 1 });
  const ids = await postMany(1);
  await everythingRecorded(ids);
  await stack.database?.kill();
  await Promise.all([...stack.workers, ...stack.apis].map((one) => one.stop()));
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  expect(api.lines.join('\n')).toContain('the database does not answer');
  const answer = await fetch(`${api.url}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', prefer: 'wait=30' },
    body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content: 'Say it.' }] } }),
  });
  const job = (await answer.json()) as { id: string; state: string };
  expect(job.state).toBe('completed');
  await stack.database?.restart();
  await everythingRecorded([...ids, job.id]);
}, 120_000);

it('with the backlog at its bound only creation is refused, and goes on when it is recorded', async () => {
  await start({ workers: 1, env: { TOKENHUB_HISTORY_BACKLOG_MB: '1' } });
  await everythingRecorded([]);
  await stack.database?.kill();
  // Accepted before the bound is reached, it ends when it has been.
  const early = (await (await post(null, 'Say it.', { not_before: new Date(Date.now() + 8_000) })).json()) as {
    id: string;
  };
  const large = 'x'.repeat(150_000);
  const accepted: string[] = [];
  const refused = await waitFor(
    async () => {
      const answer = await post(30, large);
      if (answer.status === 503) return answer;
      accepted.push(((await answer.json()) as { id: string }).id);
      return null;
    },
    { timeoutMs: 60_000, describe: 'creation to be refused' },
  );
  expect(refused.headers.get('retry-after')).toBe('5');
  await expect(refused.json()).resolves.toMatchObject({ code: 'store_unavailable' });
  await expect(stateOf(early.id)).resolves.toBe('queued');
  await waitFor(async () => (await stateOf(early.id)) === 'completed', { timeoutMs: 30_000 });
  for (const id of accepted) await expect(stateOf(id)).resolves.toBe('completed');
  await expect(post()).resolves.toMatchObject({ status: 503 });
  await stack.database?.restart();
  await everythingRecorded([...accepted, early.id]);
  await expect(post()).resolves.toMatchObject({ status: 202 });
}, 120_000);

it('a process that finds the database of a newer Tokenhub ends with one line', async () => {
  await start({ workers: 1 });
  await everythingRecorded([]);
  await database.db.insertInto('schema_migrations').values({ version: 9_999, name: '9999-later.sql' }).execute();
  await expect(stack.startWorker()).rejects.toThrow('ended before it was ready');
  const { lines } = stack.workers.at(-1) ?? { lines: [] };
  expect(lines.filter((line) => !line.startsWith('{'))).toStrictEqual([
    expect.stringMatching(/^tokenhub worker: The database is at version 9999/),
  ]);
}, 60_000);

it('a migration that fails half-way ends the process that starts with one line, and nothing of it stays', async () => {
  await start({ workers: 1 });
  await everythingRecorded([]);
  await sql`DROP SCHEMA public CASCADE`.execute(database.db);
  await sql`CREATE SCHEMA public`.execute(database.db);
  // The first migration makes tables before this one, which is in its way.
  await sql`CREATE TABLE usage_daily (id integer)`.execute(database.db);
  await expect(stack.startWorker()).rejects.toThrow('ended before it was ready');
  const { lines } = stack.workers.at(-1) ?? { lines: [] };
  expect(lines.filter((line) => !line.startsWith('{'))).toStrictEqual([
    expect.stringMatching(/^tokenhub worker: The migration 0001-history.sql failed, .*"usage_daily" already exists$/),
  ]);
  const { rows } = await sql`SELECT tablename FROM pg_tables WHERE schemaname = 'public'`.execute(database.db);
  expect(rows).toStrictEqual([{ tablename: 'usage_daily' }]);
  await sql`DROP TABLE usage_daily`.execute(database.db);
  await stack.startWorker();
  const { id } = (await (await post()).json()) as { id: string };
  await everythingRecorded([id]);
}, 90_000);
