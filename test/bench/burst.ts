/** A burst of graphs at a provider's limits, and chat jobs that come in the middle of it. */
import { hash } from 'node:crypto';
import { Redis } from 'ioredis';
import { keys } from '#platform/keys.js';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { allJobs, configureSimulator, postJob, postJobs, seenBySimulator, type Client, type TimedJob } from './jobs.ts';
import { median, percentile, scaled, table, type BenchOptions } from './measure.ts';
import { keptBytes, memoryOf, REPORTING, type MemoryReport } from './memory-reports.ts';
import { dataBytes } from './redis-memory.ts';

const KEYS = { graphs: 'th_bench_key_of_the_burst', other: 'th_bench_key_of_somebody_else' };
type KeyName = keyof typeof KEYS;
const SINGLE_KEYS: readonly KeyName[] = ['other', 'graphs'];

const GRAPHS = 5_000;
/** Of each key. */
const SINGLES = 100;
/** 50 calls a second. */
const RPM = 3_000;
const CALLS_PER_GRAPH = 3;
const ANSWER_MS = 300;
const ANSWER_TOKENS = 100;
/** Looks at memory, evenly spread over the calls, and how many at each place are taken together. */
const LOOKS = 15;
const TOGETHER = 3;
/** The share of the calls in between which the rate is taken: without what a full bucket admits at once, and without the tail. */
const STEADY = { from: 0.25, to: 0.9 };
const MIB = 2 ** 20;
const KIB = 2 ** 10;

interface Sample {
  at: number;
  calls: number;
}

interface Look {
  api: MemoryReport;
  worker: MemoryReport;
}

interface Burst {
  stack: Stack;
  graphs: number;
  singles: number;
  /** Of graphs and singles together. */
  calls: number;
  timeoutMs: number;
}

/** Posts the burst, drains it, and looks at the rate, the memory and the waiting of those who come meanwhile. */
export async function burst({ scale, appendfsync }: BenchOptions): Promise<string> {
  const [graphs, singles] = [scaled(GRAPHS, scale), scaled(SINGLES, scale)];
  const calls = graphs * CALLS_PER_GRAPH + singles * SINGLE_KEYS.length;
  const stack = await startStack({
    ...{ workers: 0, auth: 'on', appendfsync, env: { NODE_OPTIONS: REPORTING } },
    config,
  });
  const redis = new Redis(stack.redis.url);
  try {
    const limits = { rpm: RPM, algorithm: 'token_bucket' };
    await configureSimulator(stack, { ttft_ms: ANSWER_MS, output_tokens: ANSWER_TOKENS, limits });
    const run: Burst = { stack, graphs, singles, calls, timeoutMs: 120_000 + (3 * 60_000 * calls) / RPM };
    const empty = await dataBytes(redis);
    const postedFrom = performance.now();
    await postJobs(clientOf(stack, 'graphs'), graphs, adversarial);
    const postedMs = performance.now() - postedFrom;
    const queued = await dataBytes(redis);
    await stack.startWorker();
    const [samples, looks, posted] = await Promise.all([sample(run, redis), lookOn(run), postSingles(run)]);
    const finished = await dataBytes(redis);
    const { refused } = (await seenBySimulator(stack)).counters.limits;
    const jobs = new Map((await allJobs(clientOf(stack, 'graphs'))).map((job) => [job.id, job]));
    return [
      `## Burst: ${graphs} adversarial jobs of ${CALLS_PER_GRAPH} calls at ${RPM} requests a minute, one API, one worker, ${singles} chat jobs of each of two keys meanwhile\n`,
      drained(run, { samples, refused, postedMs, jobs }),
      waits(posted, jobs),
      memory(looks),
      `\nRedis, KiB of data for each graph: ${((queued - empty) / graphs / KIB).toFixed(1)} queued, ` +
        `${((finished - empty) / graphs / KIB).toFixed(1)} finished (the chat jobs' records included)\n`,
    ].join('\n');
  } finally {
    redis.disconnect();
    await stack.stop();
  }
}

/** The calls that the provider has got, every quarter of a second, until no job is unfinished. */
async function sample({ stack, calls, timeoutMs }: Burst, redis: Redis): Promise<Sample[]> {
  const samples: Sample[] = [];
  await waitFor(
    async () => {
      const { counters } = await seenBySimulator(stack);
      samples.push({ at: performance.now(), calls: counters.requests });
      return counters.requests >= calls && (await redis.zcard(keys.unfinished())) === 0;
    },
    { timeoutMs, pauseMs: 250, describe: `${calls} calls, and every job to be finished` },
  );
  return samples;
}

async function lookOn(run: Burst): Promise<Look[]> {
  const [api] = run.stack.apis;
  const [worker] = run.stack.workers;
  if (api === undefined || worker === undefined) throw new Error('the stack has no API or no worker');
  const looks: Look[] = [];
  for (let i = 1; i <= LOOKS; i++) {
    await untilCalled(run, Math.floor((i * run.calls) / (LOOKS + 1)));
    const [ofApi, ofWorker] = await Promise.all([memoryOf(api), memoryOf(worker)]);
    looks.push({ api: ofApi, worker: ofWorker });
  }
  return looks;
}

/** The chat jobs, spread evenly over the calls of the graphs. */
async function postSingles(run: Burst): Promise<Record<KeyName, TimedJob[]>> {
  const posted: Record<KeyName, TimedJob[]> = { other: [], graphs: [] };
  for (let i = 0; i < run.singles; i++) {
    await untilCalled(run, Math.floor(((i + 0.5) * run.graphs * CALLS_PER_GRAPH) / run.singles));
    for (const key of SINGLE_KEYS) posted[key].push(await postJob(clientOf(run.stack, key), CHAT));
  }
  return posted;
}

async function untilCalled({ stack, timeoutMs }: Burst, calls: number): Promise<void> {
  await waitFor(async () => (await seenBySimulator(stack)).counters.requests >= calls, {
    ...{ timeoutMs, pauseMs: 100, describe: `${calls} calls at the simulator` },
  });
}

function drained(
  { calls, graphs, singles }: Burst,
  seen: { samples: Sample[]; refused: number; postedMs: number; jobs: Map<string, TimedJob> },
): string {
  const reached = (share: number): Sample => {
    const found = seen.samples.find((one) => one.calls >= share * calls);
    if (found === undefined) throw new Error(`${share} of the calls were never seen`);
    return found;
  };
  const [from, to] = [reached(STEADY.from), reached(STEADY.to)];
  const perSecond = (1_000 * (to.calls - from.calls)) / (to.at - from.at);
  const took = ((seen.samples.at(-1)?.at ?? NaN) - (seen.samples[0]?.at ?? NaN)) / 1_000;
  const completed = [...seen.jobs.values()].filter(({ state }) => state === 'completed').length;
  const made = seen.samples.at(-1)?.calls ?? 0;
  return (
    `Posted in ${(seen.postedMs / 1_000).toFixed(1)} s; drained in ${took.toFixed(0)} s: ${completed} of ${graphs + 2 * singles} jobs completed, ` +
    `${made} calls (due: ${calls}), ${seen.refused} refused by the provider; ${perSecond.toFixed(1)} calls/s in the steady part, ` +
    `${((100 * 60 * perSecond) / RPM).toFixed(1)} % of the limit; wanted: at least 95 %, none refused\n`
  );
}

function waits(posted: Record<KeyName, TimedJob[]>, jobs: Map<string, TimedJob>): string {
  const rows = SINGLE_KEYS.map((key) => {
    const waited = posted[key].map(({ id }) => waitedMs(jobs.get(id), id));
    const of = (share: number): string => percentile(waited, share).toFixed(0);
    return [
      key === 'other' ? 'another key' : 'the key of the burst',
      String(waited.length),
      of(0.5),
      of(0.95),
      Math.max(...waited).toFixed(0),
    ];
  });
  return `${table(['chat jobs of', 'jobs', 'waited ms p50', 'p95', 'longest'], rows)}\n\nWanted: p95 of at most 2,000 ms at 50 calls/s\n`;
}

function waitedMs(job: TimedJob | undefined, id: string): number {
  const { startedAt = null } = job ?? {};
  if (job?.state !== 'completed' || startedAt === null) throw new Error(`${id} is ${job?.state ?? 'unknown'}`);
  return startedAt - job.createdAt;
}

function memory(looks: Look[]): string {
  const middle = Math.floor((LOOKS - TOGETHER) / 2);
  const places = [looks.slice(0, TOGETHER), looks.slice(middle, middle + TOGETHER), looks.slice(-TOGETHER)];
  const row = (name: keyof Look): string[] => {
    const at = (pick: (report: MemoryReport) => number): number[] =>
      places.map((place) => median(place.map((look) => pick(look[name]))));
    const [kept, rss] = [at(keptBytes), at((report) => report.rss)];
    const growth = 100 * ((kept.at(-1) ?? NaN) / (kept[0] ?? NaN) - 1);
    return [name, ...kept.map(mib), `${growth >= 0 ? '+' : ''}${growth.toFixed(1)} %`, ...rss.map(mib)];
  };
  return [
    table(
      ['process', 'heap + external, MiB: start', 'middle', 'end', 'growth', 'rss: start', 'middle', 'end'],
      [row('api'), row('worker')],
    ),
    '\nAfter forced collections; wanted: growth of at most 10 %',
  ].join('\n');
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(1);
}

function clientOf({ url }: Stack, key: KeyName): Client {
  return { url, key: KEYS[key] };
}

const CHAT = {
  type: 'chat',
  request: { model: 'planner', messages: [{ role: 'user', content: 'Say something short about queues.' }] },
};

function adversarial(i: number): object {
  const content = `Case ${String(i).padStart(6, '0')}: plan how a small shop answers a customer whose parcel was promised for Tuesday and has not come by Friday. Say who does what, in which order, and what is said to the customer.`;
  return {
    type: 'orchestration',
    request: { max_tokens: 500, messages: [{ role: 'user', content }] },
    orchestration: { mode: 'adversarial', iterations: 1 },
  };
}

function config(simulatorUrl: string): Record<string, unknown> {
  const key = (id: KeyName): object => ({ id, sha256: hash('sha256', KEYS[id]), scopes: ['jobs'] });
  const price = { input_per_1k: 0.0025, output_per_1k: 0.01 };
  return {
    providers: [
      { id: 'limited', type: 'openai', base_url: simulatorUrl, credential: { source: 'none' }, limits: { rpm: RPM } },
    ],
    models: [
      { id: 'planner', provider: 'limited', weight: 8, price },
      { id: 'critic', provider: 'limited', weight: 6, price },
    ],
    projects: [{ id: 'default', keys: [key('graphs'), key('other')] }],
  };
}
