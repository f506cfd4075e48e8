/** What Redis keeps when finished jobs go to the history: its memory over many hot windows. */
import { Redis } from 'ioredis';
import { keys } from '#platform/keys.js';
import { startPostgres } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { postJob } from './jobs.ts';
import { median, scaled, table, type BenchOptions } from './measure.ts';
import { dataBytes } from './redis-memory.ts';
import { startRig, type Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const JOBS = 200_000;
const CONNECTIONS = 64;
const HOT_MS = 60_000;
/** A run that would be over sooner is slowed down to so many hot windows. */
const LEAST_WINDOWS = 4;
/** So long after the hot window the first records are gone: Redis looks for expired keys in turns. */
const SETTLED_AFTER_MS = HOT_MS + 20_000;
const SAMPLE_EVERY_MS = 2_000;
const ROWS = 12;
const PATIENCE_MS = 300_000;
const WAIT_S = 60;
const KIB = 2 ** 10;
const MIB = 2 ** 20;

interface Sample {
  atMs: number;
  jobs: number;
  bytes: number;
  /** Entries that wait for the recorder. */
  ledger: number;
}

/** Asynchronous jobs on 64 connections, each waited for, so that none pile up; with a hot window of a minute. */
export async function historyMemory({ scale, appendfsync }: BenchOptions): Promise<string> {
  const database = await startPostgres();
  const rig = await startRig({ appendfsync, env: { DATABASE_URL: database.url, TOKENHUB_HOT_MINUTES: '1' } }).catch(
    async (error: unknown) => {
      await database.stop();
      throw error;
    },
  );
  const redis = new Redis(rig.redis.url);
  try {
    const jobs = scaled(JOBS, scale);
    const before = await dataBytes(redis);
    const samples = await run(rig, redis, jobs);
    await waitFor(async () => (await redis.xlen(keys.ledger())) === 0, {
      timeoutMs: PATIENCE_MS,
      describe: 'everything to be recorded',
    });
    return section(samples, { jobs, before });
  } finally {
    redis.disconnect();
    await rig.stop();
    await database.stop();
  }
}

async function run(rig: Rig, redis: Redis, jobs: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const startedAt = performance.now();
  const elapsed = (): number => performance.now() - startedAt;
  const everyMs = (LEAST_WINDOWS * HOT_MS) / jobs;
  const body = { type: 'chat', request: JSON.parse(CHAT) as object };
  let posted = 0;
  const connection = async (): Promise<void> => {
    while (posted < jobs) {
      const n = posted++;
      await waitFor(() => elapsed() >= n * everyMs, { timeoutMs: 2 * LEAST_WINDOWS * HOT_MS, pauseMs: 5 });
      const { id, state } = await postJob({ url: rig.tokenhubUrl }, body, WAIT_S);
      if (state !== 'completed') throw new Error(`${id} is ${state} after ${WAIT_S} s`);
    }
  };
  const done = new AbortController();
  const sampling = (async (): Promise<void> => {
    while (!done.signal.aborted) {
      const due = (samples.at(-1)?.atMs ?? 0) + SAMPLE_EVERY_MS;
      await waitFor(() => done.signal.aborted || elapsed() >= due, {
        timeoutMs: 2 * SAMPLE_EVERY_MS + 10_000,
        pauseMs: 50,
      });
      const [bytes, ledger] = [await dataBytes(redis), await redis.xlen(keys.ledger())];
      samples.push({ atMs: elapsed(), jobs: posted, bytes, ledger });
    }
  })();
  try {
    await Promise.all(Array.from({ length: CONNECTIONS }, connection));
  } finally {
    done.abort();
    await sampling;
  }
  return samples;
}

function section(samples: Sample[], { jobs, before }: { jobs: number; before: number }): string {
  const settled = samples.filter(({ atMs }) => atMs >= SETTLED_AFTER_MS);
  const third = Math.ceil(settled.length / 3);
  const [first, last] = [settled.slice(0, third), settled.slice(-third)].map((part) =>
    median(part.map(({ bytes }) => bytes)),
  ) as [number, number];
  const growth = (100 * (last - first)) / first;
  const perJob = slope(settled.map((one) => [one.jobs, one.bytes]));
  const shown = samples.filter((_, i) => i % Math.ceil(samples.length / ROWS) === 0 || i === samples.length - 1);
  return [
    `## Redis with a history: ${jobs} finished jobs, hot window ${HOT_MS / 1_000} s, MiB of data\n`,
    table(
      ['second', 'jobs', 'Redis, MiB', 'ledger, entries'],
      shown.map((one) => [
        (one.atMs / 1_000).toFixed(0),
        String(one.jobs),
        (one.bytes / MIB).toFixed(1),
        String(one.ledger),
      ]),
    ),
    `\nBefore the first job ${(before / MIB).toFixed(1)} MiB. From second ${SETTLED_AFTER_MS / 1_000} on: ` +
      `medians of the first and the last third ${(first / MIB).toFixed(1)} and ${(last / MIB).toFixed(1)} MiB ` +
      `(${growth >= 0 ? '+' : ''}${growth.toFixed(1)} %), slope ${(perJob / KIB).toFixed(3)} KiB per job; ` +
      'wanted: flat, growth of at most 10 %\n',
  ].join('\n');
}

/** Of the line that lies nearest to the points. */
function slope(points: [number, number][]): number {
  const mean = (of: number[]): number => of.reduce((sum, one) => sum + one, 0) / of.length;
  const [x, y] = [mean(points.map(([one]) => one)), mean(points.map(([, one]) => one))];
  const over = points.reduce((sum, [a, b]) => sum + (a - x) * (b - y), 0);
  return over / points.reduce((sum, [a]) => sum + (a - x) ** 2, 0);
}
