import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { keys } from '#platform/keys.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { startStack, type Stack, type StackProcess } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';

let stack: Stack;
let redis: RedisClient;
let database: Database;

beforeAll(async () => {
  stack = await startStack({ appendfsync: 'no', database: 'postgres', workers: 0 });
  redis = connectRedis({ kind: 'single', url: stack.redis.url }, { name: 'test', whenAway: 'wait' });
  redis.on('error', () => undefined);
  database = connectDatabase(stack.database?.url ?? '', { name: 'test', onError: () => undefined });
});

/** Two workers, and nothing recorded. */
beforeEach(async () => {
  for (let n = running(stack.workers).length; n < 2; n++) await stack.startWorker();
  await waitFor(async () => (await redis.xlen(keys.ledger())) === 0, {
    timeoutMs: 60_000,
    describe: 'an empty ledger',
  });
  await sql`TRUNCATE finished_jobs, usage_attempts, usage_daily`.execute(database.db);
}, 120_000);

afterAll(async () => {
  redis.disconnect();
  await database.close();
  await stack.stop();
});

const running = (processes: readonly StackProcess[]): StackProcess[] => processes.filter((one) => one.isRunning());

interface Posting {
  waitS?: number | null;
  content?: string;
  more?: object;
  /** Default: the newest that runs. */
  api?: StackProcess;
}

const post = ({ waitS = null, content = 'Say it.', more = {}, api }: Posting = {}): Promise<Response> =>
  fetch(`${(api ?? running(stack.apis).at(-1))?.url ?? ''}/v1/jobs`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(waitS !== null && { prefer: `wait=${waitS}` }) },
    body: JSON.stringify({ type: 'chat', request: { messages: [{ role: 'user', content }] }, ...more }),
  });

const stateOf = async (id: string): Promise<string> =>
  ((await (await fetch(`${running(stack.apis)[0]?.url ?? ''}/v1/jobs/${id}`)).json()) as { state: string }).state;

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
  const [first, second] = running(stack.workers);
  const ids = await postMany(60);
  await first?.kill();
  ids.push(...(await postMany(60)));
  await stack.startWorker();
  await second?.kill();
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
  const workers = running(stack.workers);
  const ids: string[] = [];
  const done = new AbortController();
  const load = Array.from({ length: 8 }, async () => {
    while (!done.signal.aborted) {
      const job = (await (await post({ waitS: 30 })).json()) as { id: string; state: string };
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
  for (const worker of workers) expect(worker.isRunning()).toBe(true);
}, 240_000);

it('with the database away at the start, processes start, jobs end, and all is recorded when it comes', async () => {
  const ids = await postMany(1);
  await everythingRecorded(ids);
  await stack.database?.kill();
  await Promise.all(running([...stack.workers, ...stack.apis]).map((one) => one.stop()));
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  expect(api.lines.join('\n')).toContain('the database does not answer');
  const answer = await post({ waitS: 30, api });
  const job = (await answer.json()) as { id: string; state: string };
  expect(job.state).toBe('completed');
  await stack.database?.restart();
  await everythingRecorded([...ids, job.id]);
}, 120_000);

it('with the backlog at its bound only creation is refused, and goes on when it is recorded', async () => {
  const api = await stack.startApi({ TOKENHUB_HISTORY_BACKLOG_MB: '1' });
  await stack.database?.kill();
  const large = { waitS: 30, content: 'x'.repeat(150_000), api };
  const accepted: string[] = [];
  const fill = async (): Promise<Response | null> => {
    const answer = await post(large);
    if (answer.status === 503) return answer;
    accepted.push(((await answer.json()) as { id: string }).id);
    return null;
  };
  await waitFor(async () => (await fill()) === null && Number(await redis.get(keys.ledgerWaiting())) > 700_000, {
    timeoutMs: 60_000,
    describe: 'a backlog close to its bound',
  });
  // Accepted before the bound is reached, it ends when it has been.
  const early = (await (await post({ api, more: { not_before: new Date(Date.now() + 20_000) } })).json()) as {
    id: string;
  };
  const refused = await waitFor(fill, { timeoutMs: 60_000, describe: 'creation to be refused' });
  expect(refused.headers.get('retry-after')).toBe('5');
  await expect(refused.json()).resolves.toMatchObject({ code: 'store_unavailable' });
  await expect(stateOf(early.id)).resolves.toBe('queued');
  await waitFor(async () => (await stateOf(early.id)) === 'completed', { timeoutMs: 60_000 });
  for (const id of accepted) await expect(stateOf(id)).resolves.toBe('completed');
  await expect(post({ api })).resolves.toMatchObject({ status: 503 });
  await stack.database?.restart();
  await everythingRecorded([...accepted, early.id]);
  await expect(post({ api })).resolves.toMatchObject({ status: 202 });
  await api.stop();
}, 120_000);

it('a process that finds the database of a newer Tokenhub ends with one line', async () => {
  await database.db.insertInto('schema_migrations').values({ version: 9_999, name: '9999-later.sql' }).execute();
  await expect(stack.startWorker()).rejects.toThrow('ended before it was ready');
  const { lines } = stack.workers.at(-1) ?? { lines: [] };
  expect(lines.filter((line) => !line.startsWith('{'))).toStrictEqual([
    expect.stringMatching(/^tokenhub worker: The database is at version 9999/),
  ]);
  await database.db.deleteFrom('schema_migrations').where('version', '=', 9_999).execute();
});

it('a migration that fails half-way ends the process that starts with one line, and nothing of it stays', async () => {
  await Promise.all(running(stack.workers).map((worker) => worker.stop()));
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
