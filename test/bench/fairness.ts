/** The order within a pool: how many jobs of a backlog still start before a single job that comes later. */
import { hash } from 'node:crypto';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { allJobs, configureSimulator, postJob, postJobs, seenBySimulator, type TimedJob } from './jobs.ts';
import { median, percentile, scaled, table, type BenchOptions } from './measure.ts';

const KEYS = { a: 'th_bench_key_of_the_backlog', b: 'th_bench_key_of_the_single_job' };
const CONCURRENCY = 20;
const ANSWER_MS = 50;
const RPM = 6_000;
const DRAIN_TIMEOUT_MS = 900_000;

interface Owner {
  key: keyof typeof KEYS;
  priority: 'high' | 'normal' | 'low';
}

interface Race {
  /** The model, and with it what the pool is narrow by. */
  model: 'by-concurrency' | 'by-requests';
  backlog: Owner & { count: number };
  single: Owner;
  /** How many single jobs come, spread evenly over the time in which the backlog is worked off. */
  singles: number;
}

const NORMAL = 'normal';
const RACES: Race[] = [
  {
    model: 'by-concurrency',
    backlog: { key: 'a', priority: NORMAL, count: 10_000 },
    single: { key: 'b', priority: NORMAL },
    singles: 20,
  },
  {
    model: 'by-requests',
    backlog: { key: 'a', priority: NORMAL, count: 2_000 },
    single: { key: 'b', priority: NORMAL },
    singles: 10,
  },
  {
    model: 'by-concurrency',
    backlog: { key: 'a', priority: 'low', count: 2_000 },
    single: { key: 'b', priority: 'high' },
    singles: 10,
  },
  {
    model: 'by-concurrency',
    backlog: { key: 'a', priority: 'low', count: 2_000 },
    single: { key: 'a', priority: 'high' },
    singles: 10,
  },
];

/** Single jobs behind a backlog, of another key and of another class; both keys have equal shares. */
export async function fairness(options: BenchOptions): Promise<string> {
  const rows: string[][] = [];
  for (const race of RACES) rows.push(await run(race, options));
  return [
    `## Fairness: single jobs behind a backlog, shares equal; the pool takes ${CONCURRENCY} at once (${ANSWER_MS} ms each) or ${RPM} a minute\n`,
    table(
      [
        'pool narrow',
        'backlog',
        'single jobs',
        'first: jobs before it',
        'first: waited ms',
        'all: before p50',
        'p95',
        'all: waited ms p50',
        'p95',
        '100 jobs take ms',
      ],
      rows,
    ),
    '\nWanted: the first single job of another key starts within the time of about 100 jobs\n',
  ].join('\n');
}

async function run(race: Race, { scale, appendfsync }: BenchOptions): Promise<string[]> {
  const stack = await startStack({ workers: 0, auth: 'on', appendfsync, config });
  try {
    await configureSimulator(stack, { ttft_ms: ANSWER_MS });
    const count = scaled(race.backlog.count, scale);
    const clientOf = ({ key }: Owner): { url: string; key: string } => ({ url: stack.url, key: KEYS[key] });
    const bodyOf = ({ priority }: Owner): object => chatJob(race.model, priority);
    // Without a worker none starts before the last is there.
    const backlog = await postJobs(clientOf(race.backlog), count, () => bodyOf(race.backlog));
    await stack.startWorker();
    const singles: string[] = [];
    for (let i = 0; i < race.singles; i++) {
      // The first comes as soon as the pool is at work, the last when hardly any of the backlog is left.
      await untilSimulator(stack, 'requests', Math.max(i * Math.floor(count / race.singles), CONCURRENCY));
      singles.push((await postJob(clientOf(race.single), bodyOf(race.single))).id);
    }
    await untilSimulator(stack, 'sent', count + race.singles);
    const jobs = new Map((await allJobs(clientOf(race.backlog))).map((job) => [job.id, job]));
    const known = (id: string): TimedJob & { startedAt: number } => started(jobs.get(id), id);
    return row(race, {
      backlog: backlog.map(({ id }) => known(id).startedAt),
      singles: singles.map(known),
    });
  } finally {
    await stack.stop();
  }
}

function row(race: Race, seen: { backlog: number[]; singles: (TimedJob & { startedAt: number })[] }): string[] {
  const before = seen.singles.map(
    ({ createdAt, startedAt }) => seen.backlog.filter((at) => at >= createdAt && at < startedAt).length,
  );
  const waited = seen.singles.map(({ createdAt, startedAt }) => startedAt - createdAt);
  const hundred = (100 * (percentile(seen.backlog, 1) - percentile(seen.backlog, 0))) / seen.backlog.length;
  const name = ({ key, priority }: Owner): string => `key ${key.toUpperCase()}, ${priority}`;
  return [
    race.model.replace('-', ' '),
    `${seen.backlog.length} × ${name(race.backlog)}`,
    `${seen.singles.length} × ${name(race.single)}`,
    ...[before[0], waited[0], median(before), percentile(before, 0.95), median(waited), percentile(waited, 0.95)].map(
      String,
    ),
    hundred.toFixed(0),
  ];
}

function started(job: TimedJob | undefined, id: string): TimedJob & { startedAt: number } {
  const { startedAt = null } = job ?? {};
  if (job?.state !== 'completed' || startedAt === null) throw new Error(`${id} is ${job?.state ?? 'unknown'}`);
  return { ...job, startedAt };
}

async function untilSimulator(stack: Stack, counter: 'requests' | 'sent', count: number): Promise<void> {
  await waitFor(async () => (await seenBySimulator(stack)).counters[counter] >= count, {
    timeoutMs: DRAIN_TIMEOUT_MS,
    describe: `${count} ${counter} at the simulator`,
  });
}

function chatJob(model: string, priority: string): object {
  return {
    type: 'chat',
    request: { model, messages: [{ role: 'user', content: 'Say something short about queues.' }] },
    policy: { priority },
  };
}

function config(simulatorUrl: string): Record<string, unknown> {
  const key = (id: keyof typeof KEYS): object => ({ id, sha256: hash('sha256', KEYS[id]), scopes: ['jobs'] });
  return {
    providers: [{ id: 'simulator', type: 'openai', base_url: simulatorUrl, credential: { source: 'none' } }],
    models: [
      { id: 'by-concurrency', provider: 'simulator', limits: { concurrency: CONCURRENCY } },
      { id: 'by-requests', provider: 'simulator', limits: { rpm: RPM } },
    ],
    projects: [{ id: 'default', keys: [key('a'), key('b')] }],
  };
}
