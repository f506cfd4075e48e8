/** What a job costs in Redis while it waits and once it is finished, and what a million of them would. */
import { Redis } from 'ioredis';
import { startStack, type Stack } from '#testing/stack.js';
import { waitFor } from '#testing/wait-for.js';
import { keys } from '#platform/keys.js';
import { configureSimulator, postJobs } from './jobs.ts';
import { scaled, table, type BenchOptions } from './measure.ts';
import { bytesByKind, dataBytes } from './redis-memory.ts';

const JOBS = 5_000;
/** Jobs before the measured ones, so that scripts, queues and tables are there. */
const WARM_UP = 200;
const ANSWER_TOKENS = 100;
const MILLION = 1_000_000;

const KINDS = [
  'record (job)',
  'call: request and plan',
  'events',
  'BullMQ job',
  'BullMQ queue',
  'indexes',
  'other keys',
] as const;
type Kind = (typeof KINDS)[number];

interface Footprint {
  total: number;
  kinds: Map<Kind, number>;
}

/** Asynchronous jobs of about 400 bytes: the same ones waiting without a worker, and finished, kept for a day. */
export async function bytes({ scale }: BenchOptions): Promise<string> {
  const count = scaled(JOBS, scale);
  // How often Redis flushes changes no size.
  const stack = await startStack({ appendfsync: 'no', config });
  const redis = new Redis(stack.redis.url);
  try {
    await configureSimulator(stack, { output_tokens: ANSWER_TOKENS });
    await postJobs(stack, WARM_UP, chatJob);
    await untilFinished(redis);
    await stopWorkers(stack);
    const empty = await footprint(redis);
    await postJobs(stack, count, chatJob);
    const queued = await footprint(redis);
    await stack.startWorker();
    await untilFinished(redis);
    await stopWorkers(stack);
    const finished = await footprint(redis);
    return section(count, [growth(empty, queued, count), growth(empty, finished, count)]);
  } finally {
    redis.disconnect();
    await stack.stop();
  }
}

function section(count: number, columns: Footprint[]): string {
  const row = (name: string, pick: (one: Footprint) => number): string[] => [
    name,
    // Not -0, which a sum that shrinks by a few bytes would be rounded to.
    ...columns.map((one) => String(Math.round(pick(one)) || 0)),
  ];
  const inKeys = (one: Footprint): number => [...one.kinds.values()].reduce((sum, size) => sum + size, 0);
  const gib = (one: Footprint): string => `${((one.total * MILLION) / 2 ** 30).toFixed(2)} GiB`;
  return [
    `## Bytes in Redis per job: ${count} chat jobs of ${JSON.stringify(chatJob(0)).length} bytes, answers of ${ANSWER_TOKENS} words\n`,
    table(
      ['part', 'queued', 'finished'],
      [
        ...KINDS.map((kind) => row(kind, ({ kinds }) => kinds.get(kind) ?? 0)),
        row("the rest (the size of streams is Redis's guess)", (one) => one.total - inKeys(one)),
        row('all', ({ total }) => total),
        [`${MILLION.toLocaleString('en')} jobs`, ...columns.map(gib)],
      ],
    ),
    '',
  ].join('\n');
}

async function footprint(redis: Redis): Promise<Footprint> {
  return { total: await dataBytes(redis), kinds: await bytesByKind(redis, kindOf) };
}

/** Per job, from one footprint to the other. */
function growth(from: Footprint, to: Footprint, jobs: number): Footprint {
  const perJob = (before = 0, after = 0): number => (after - before) / jobs;
  return {
    total: perJob(from.total, to.total),
    kinds: new Map(KINDS.map((kind) => [kind, perJob(from.kinds.get(kind), to.kinds.get(kind))])),
  };
}

function kindOf(key: string): Kind {
  if (key.startsWith(keys.job(''))) return 'record (job)';
  if (key.startsWith(keys.call(''))) return 'call: request and plan';
  if (key.startsWith(keys.events(''))) return 'events';
  if (/:pool\.[^:]+:job_/.test(key)) return 'BullMQ job';
  if (/:pool\.[^:]+:/.test(key)) return 'BullMQ queue';
  if (key.startsWith(keys.projectJobs('')) || key === keys.unfinished()) return 'indexes';
  return 'other keys';
}

async function untilFinished(redis: Redis): Promise<void> {
  await waitFor(async () => (await redis.zcard(keys.unfinished())) === 0, {
    timeoutMs: 300_000,
    pauseMs: 100,
    describe: 'every job to be finished',
  });
}

async function stopWorkers(stack: Stack): Promise<void> {
  await Promise.all(stack.workers.map((worker) => worker.stop()));
}

function chatJob(i: number): object {
  const content = `Message ${String(i).padStart(6, '0')}: my parcel was promised for Tuesday, it is Friday now, and nobody on the phone could tell me where it is. What can I do, and whom should I ask first?`;
  return {
    type: 'chat',
    request: {
      model: 'bench',
      max_tokens: 500,
      messages: [
        {
          role: 'system',
          content: 'You answer questions of customers of a small shop in two or three friendly sentences.',
        },
        { role: 'user', content },
      ],
    },
  };
}

function config(simulatorUrl: string): Record<string, unknown> {
  const price = { input_per_1k: 0.0025, output_per_1k: 0.01 };
  return {
    providers: [{ id: 'simulator', type: 'openai', base_url: simulatorUrl, credential: { source: 'none' } }],
    models: [{ id: 'bench', provider: 'simulator', price }],
  };
}
