/** What keeping a history costs: the same load with a database and without one, in turns. */
import { Redis } from 'ioredis';
import { keys } from '#platform/keys.js';
import { startPostgres } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { load, median, table, type BenchOptions, type LoadResult } from './measure.ts';
import { startRig, type Rig } from './rig.ts';
import { CHAT } from './throughput.ts';

const CONNECTIONS = 64;
const WARM_UP_S = 2;
const PATIENCE_MS = 300_000;

/** A synchronous call is forgotten, its attempt alone is recorded; of a job the whole record is. */
const LOADS = {
  'chat completions': { path: '/v1/chat/completions', body: CHAT, headers: {} },
  'jobs that are waited for': {
    path: '/v1/jobs',
    body: JSON.stringify({ type: 'chat', request: JSON.parse(CHAT) as object }),
    headers: { prefer: 'wait=30' },
  },
};
type LoadName = keyof typeof LOADS;

interface Round extends LoadResult {
  /** From the end of the load until everything was recorded. */
  recordedAfterMs: number;
}

interface Pair {
  without: Round;
  with: Round;
}

/** Two rigs, one with a PostgreSQL of its own on the same machine; each round waits until everything is recorded. */
export async function history({ seconds, rounds, appendfsync }: BenchOptions): Promise<string> {
  const database = await startPostgres();
  const rigs: Rig[] = [];
  try {
    const off = await startRig({ appendfsync });
    rigs.push(off);
    const on = await startRig({ appendfsync, env: { DATABASE_URL: database.url } });
    rigs.push(on);
    const sections: string[] = [];
    for (const name of Object.keys(LOADS) as LoadName[]) {
      const once = async (roundS: number): Promise<Pair> => ({
        without: await round(off, { name, seconds: roundS }),
        with: await round(on, { name, seconds: roundS }),
      });
      await once(Math.min(WARM_UP_S, seconds));
      const pairs: Pair[] = [];
      for (let i = 0; i < rounds; i++) pairs.push(await once(seconds));
      sections.push(section(name, pairs));
    }
    return [
      `## History: ${CONNECTIONS} connections, instant upstream, ${rounds} rounds of ${seconds} s without and with a PostgreSQL (fsync off)\n`,
      ...sections,
    ].join('\n');
  } finally {
    for (const rig of rigs) await rig.stop();
    await database.stop();
  }
}

function section(name: LoadName, pairs: Pair[]): string {
  const row = (title: string, of: Round[]): string[] => [
    title,
    median(of.map(({ requestsPerSecond }) => requestsPerSecond)).toFixed(0),
    median(of.map(({ p50Ms }) => p50Ms)).toFixed(0),
    median(of.map(({ p99Ms }) => p99Ms)).toFixed(0),
    String(of.reduce((sum, { failures }) => sum + failures, 0)),
    median(of.map(({ recordedAfterMs }) => recordedAfterMs)).toFixed(0),
  ];
  return [
    table(
      [name, 'requests/s', 'p50 ms', 'p99 ms', 'failed', 'recorded after ms'],
      [
        row(
          'without',
          pairs.map(({ without }) => without),
        ),
        row(
          'with',
          pairs.map((pair) => pair.with),
        ),
      ],
    ),
    '',
    ratio(
      'requests/s',
      pairs.map((pair) => pair.with.requestsPerSecond / pair.without.requestsPerSecond),
    ),
    ratio(
      'requests/s, the time until all was recorded counted in',
      pairs.map((pair) => sustained(pair.with) / pair.without.requestsPerSecond),
    ),
    '',
  ].join('\n');
}

/** What could go on for ever: the load does not outrun the recorder. */
function sustained({ requests, requestsPerSecond, recordedAfterMs }: Round): number {
  return requests / (requests / requestsPerSecond + recordedAfterMs / 1_000);
}

function ratio(of: string, ratios: number[]): string {
  const [middle, least, most] = [median(ratios), Math.min(...ratios), Math.max(...ratios)].map((one) => one.toFixed(3));
  return `Ratio of ${of}, with to without: median ${middle} (least ${least}, most ${most}); wanted: at least 0.85`;
}

async function round(rig: Rig, { name, seconds }: { name: LoadName; seconds: number }): Promise<Round> {
  const { path, body, headers } = LOADS[name];
  const result = await load({
    ...{ url: `${rig.tokenhubUrl}${path}`, bodies: [body], connections: CONNECTIONS },
    ...{ headers, seconds },
  });
  const endedAt = performance.now();
  await untilRecorded(rig);
  return { ...result, recordedAfterMs: performance.now() - endedAt };
}

/** At once where no history is kept. */
async function untilRecorded(rig: Rig): Promise<void> {
  const redis = new Redis(rig.redis.url);
  try {
    await waitFor(async () => (await redis.xlen(keys.ledger())) === 0, {
      timeoutMs: PATIENCE_MS,
      describe: 'everything to be recorded',
    });
  } finally {
    redis.disconnect();
  }
}
