import type { StackConfig } from '#testing/simulator-config.js';
import {
  awayRedis,
  breakProvider,
  killApi,
  killRedis,
  killWorker,
  pauseRedis,
  pauseWorker,
  rollAll,
  type Disturbance,
} from './disturbances.ts';
import { PRICES } from './judge-spend.ts';
import type { Mix } from './load.ts';

export interface Scenario {
  what: string;
  jobs: number;
  /** Default: chats alone. */
  mix?: Mix;
  /** For which the jobs are posted and the disturbances go on. */
  seconds: number;
  apis: number;
  workers: number;
  /** How long a dead worker's jobs may stand still, in milliseconds. */
  gapMs: number;
  /** Calls to providers are given up after a second or so. */
  hasty?: boolean;
  disturbances: Disturbance[];
}

/**
 * Not judged by it, unless it says otherwise: a job that several deaths hit stands still several times, and one whose worker dies
 * before it has begun it shows the simulator nothing.
 */
const ANY_GAP_MS = 60_000;
const FULL = { jobs: 2_000, seconds: 80, apis: 1, workers: 5, gapMs: ANY_GAP_MS };
const WORKER_DIES: Disturbance = { everyMs: 2_000, act: killWorker };
/** Of 300, 200 are adversarial, 30 votes, 30 refinements and 15 cancelled, beside 25 chats. */
const GRAPHS = { ...FULL, jobs: 300, mix: { adversarial: 2 / 3, vote: 0.1, refine: 0.1, cancelled: 0.05 } };

/** The form of `npm test`. */
export const SHORT: Scenario = {
  what: 'a worker killed -9 every 2 s, and Redis once',
  jobs: 200,
  mix: { adversarial: 0.15, vote: 0.02, refine: 0.02, cancelled: 0.02 },
  seconds: 12,
  apis: 1,
  workers: 4,
  gapMs: ANY_GAP_MS,
  disturbances: [WORKER_DIES, { everyMs: 6_500, times: 1, act: killRedis }],
};

/** About thirteen minutes together. */
export const SCENARIOS: Record<string, Scenario> = {
  recovery: {
    ...FULL,
    what: 'a worker killed -9 every 15 s, so that what its jobs wait for is their recovery alone',
    jobs: 600,
    seconds: 62,
    workers: 3,
    gapMs: 15_000,
    disturbances: [{ everyMs: 15_000, act: killWorker }],
  },
  workers: { ...FULL, what: 'a worker killed -9 every 2 s', disturbances: [WORKER_DIES] },
  redis: {
    ...FULL,
    what: 'a worker killed -9 every 2 s, and Redis every 10 s',
    disturbances: [WORKER_DIES, { everyMs: 10_000, act: killRedis }],
  },
  graphs: { ...GRAPHS, what: 'graphs of steps, and a worker killed -9 every 2 s', disturbances: [WORKER_DIES] },
  'graphs-redis': {
    ...GRAPHS,
    what: 'graphs of steps, a worker killed -9 every 2 s, and Redis every 10 s',
    disturbances: [WORKER_DIES, { everyMs: 10_000, act: killRedis }],
  },
  pauses: {
    ...FULL,
    what: 'Redis stopped with SIGSTOP for up to 12 s',
    jobs: 1_000,
    disturbances: [{ everyMs: 16_000, act: pauseRedis }],
  },
  zombies: {
    ...FULL,
    what: 'a worker stopped with SIGSTOP for longer than its locks live, which then goes on',
    jobs: 1_000,
    seconds: 60,
    disturbances: [
      { everyMs: 3_000, act: pauseWorker },
      { everyMs: 7_000, act: pauseWorker },
    ],
  },
  apis: {
    ...FULL,
    what: 'an API process killed -9 every 3 s',
    jobs: 1_000,
    seconds: 60,
    apis: 2,
    disturbances: [{ everyMs: 3_000, act: killApi }],
  },
  rolling: {
    ...FULL,
    what: 'every process restarted with SIGTERM, one after the other, again and again',
    jobs: 1_000,
    seconds: 60,
    apis: 2,
    workers: 2,
    disturbances: [{ everyMs: 4_000, act: rollAll }],
  },
  provider: {
    ...FULL,
    what: 'the first provider slow, flapping and broken in every way, in waves',
    jobs: 1_000,
    seconds: 60,
    workers: 2,
    hasty: true,
    disturbances: [{ everyMs: 2_600, act: breakProvider }],
  },
  everything: {
    ...FULL,
    what: 'all of these at once',
    jobs: 1_000,
    apis: 2,
    hasty: true,
    disturbances: [
      { everyMs: 5_000, act: killWorker },
      { everyMs: 11_000, act: killApi },
      { everyMs: 20_000, act: awayRedis },
      { everyMs: 3_000, act: breakProvider },
    ],
  },
};

/**
 * Two providers, `main` at the first and `spare` at the second, which has a `third` that votes alone use. Their timeouts are the usual ones, but where they break: what hangs is then
 * given up within a wave. Elsewhere a worker that wakes up would find its timeouts over, and never try to write what it must not.
 */
export function chaosConfig(
  simulatorUrl: string,
  { hasty = false, webhookUrl }: { hasty?: boolean; webhookUrl: string },
): StackConfig {
  const timeouts = hasty && { first_token_ms: 1_200, idle_ms: 1_200, answer_ms: 4_000, cool_down_ms: 1_000 };
  const provider = {
    type: 'openai',
    base_url: simulatorUrl,
    credential: { source: 'none' },
    ...(timeouts && { timeouts }),
  };
  const secret = { source: 'env', name: 'HOOK_SECRET' };
  return {
    // By the month alone: a run may go on past midnight.
    projects: [
      {
        id: 'default',
        budget: { month_usd: 1_000_000 },
        webhook_endpoints: [{ id: 'judge', url: webhookUrl, secret }],
      },
    ],
    providers: [
      { ...provider, id: 'first' },
      { ...provider, id: 'second' },
    ],
    models: [
      { id: 'main', provider: 'first', price: priceOf('main') },
      { id: 'spare', provider: 'second', price: priceOf('spare') },
      { id: 'third', provider: 'second', price: priceOf('third') },
    ],
  };
}

/** In the configuration's unit, dollars per 1,000 tokens. */
function priceOf(model: string): { input_per_1k: number; output_per_1k: number } {
  const { input = 0, output = 0 } = PRICES[model] ?? {};
  return { input_per_1k: input / 1e6, output_per_1k: output / 1e6 };
}
