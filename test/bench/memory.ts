/** What the processes keep of the jobs that they have done: the heap after a forced collection, and external memory. */
import { Redis } from 'ioredis';
import { waitFor } from '#testing/wait-for.js';
import { load, median, scaled, table, type BenchOptions } from './measure.ts';
import { keptBytes, memoryOf, REPORTING, type MemoryReport } from './memory-reports.ts';
import { dataBytes } from './redis-memory.ts';
import { startRig, type Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const FROM_JOB = 20_000;
const TO_JOB = 100_000;
const WINDOWS = 20;
/** Windows at the start and at the end whose medians are compared. */
const COMPARED = 5;
const CONNECTIONS = 64;
/** A synchronous job's record lives for a minute; Redis looks for expired keys in turns. */
const EXPIRED_AFTER_MS = 75_000;
const MIB = 2 ** 20;

interface Window {
  processes: Record<'api' | 'worker', MemoryReport>;
  redis: number;
}

/** Synchronous chat completions with an instant upstream, one window after the other, and the processes' own word after each. */
export async function memory({ scale, appendfsync }: BenchOptions): Promise<string> {
  const rig = await startRig({ appendfsync, nodeOptions: REPORTING });
  const redis = new Redis(rig.redis.url);
  try {
    const [first, last] = [scaled(FROM_JOB, scale), scaled(TO_JOB, scale)];
    const atStart = await dataBytes(redis);
    await work(rig, first);
    const windows: Window[] = [];
    for (let i = 0; i < WINDOWS; i++) {
      await work(rig, Math.round((last - first) / WINDOWS));
      windows.push({ processes: await reports(rig), redis: await dataBytes(redis) });
    }
    const endedAt = performance.now();
    await waitFor(() => performance.now() - endedAt >= EXPIRED_AFTER_MS, {
      timeoutMs: EXPIRED_AFTER_MS + 10_000,
      pauseMs: 500,
    });
    return section(windows, { first, last, redis: { atStart, atEnd: await dataBytes(redis) } });
  } finally {
    redis.disconnect();
    await rig.stop();
  }
}

function section(
  windows: Window[],
  run: { first: number; last: number; redis: { atStart: number; atEnd: number } },
): string {
  const mib = (bytes: number): string => (bytes / MIB).toFixed(1);
  const row = (name: 'api' | 'worker'): string[] => {
    const of = (part: Window[], pick: (report: MemoryReport) => number): number =>
      median(part.map(({ processes }) => pick(processes[name])));
    const [start, end] = [windows.slice(0, COMPARED), windows.slice(-COMPARED)];
    const growth = (100 * (of(end, keptBytes) - of(start, keptBytes))) / of(start, keptBytes);
    return [
      name,
      mib(of(start, keptBytes)),
      mib(of(end, keptBytes)),
      `${growth >= 0 ? '+' : ''}${growth.toFixed(1)} %`,
      mib(of(end, ({ heapUsed }) => heapUsed)),
      mib(of(end, ({ external }) => external)),
      mib(of(start, ({ rss }) => rss)),
      mib(of(end, ({ rss }) => rss)),
    ];
  };
  const redis = windows.map((window) => window.redis);
  return [
    `## Memory: job ${run.first} to ${run.last}, MiB after forced collections, medians of the first and the last ${COMPARED} of ${WINDOWS} windows\n`,
    table(
      ['process', 'heap + external: first', 'last', 'growth', 'heap', 'external', 'rss: first', 'rss: last'],
      [row('api'), row('worker')],
    ),
    `\nWanted: growth of at most 10 %\n`,
    `Redis, MiB of data: ${mib(run.redis.atStart)} before the first job, ${mib(redis[0] ?? NaN)} after the first window, ` +
      `at most ${mib(Math.max(...redis))}, ${mib(run.redis.atEnd)} when ${EXPIRED_AFTER_MS / 1_000} s have passed since the last job\n`,
  ].join('\n');
}

/** So many jobs; throws when one of them failed, because a failed one keeps other things alive. */
async function work(rig: Rig, jobs: number): Promise<void> {
  const url = `${rig.tokenhubUrl}/v1/chat/completions`;
  const { requests, failures } = await load({ url, bodies: [CHAT], connections: CONNECTIONS, amount: jobs });
  if (failures > 0) throw new Error(`${failures} of ${failures + requests} requests failed`);
}

async function reports(rig: Rig): Promise<Window['processes']> {
  const { api, worker } = rig.processes.tokenhub;
  if (api === undefined || worker === undefined) throw new Error('the rig has no API or no worker');
  const [ofApi, ofWorker] = await Promise.all([memoryOf(api), memoryOf(worker)]);
  return { api: ofApi, worker: ofWorker };
}
