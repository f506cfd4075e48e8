/** Everything that a bench run needs, as processes: Redis, an instant upstream, the bare pipeline and Tokenhub. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { freePort } from '#testing/free-port.js';
import { startProcess, type RunningProcess } from '#testing/process-harness.js';
import { startRedis, type AppendFsync, type RedisServer } from '#testing/redis-harness.js';

export interface Rig {
  upstreamUrl: string;
  bareUrl: string;
  tokenhubUrl: string;
  redis: RedisServer;
  /** By the name that tables use. */
  processes: {
    bare: Record<string, RunningProcess>;
    tokenhub: Record<string, RunningProcess>;
    upstream: RunningProcess;
  };
  stop(): Promise<void>;
}

/** Starts the rig with one API and one worker process; `nodeOptions` and `env` go to Tokenhub's two. */
export async function startRig(options: {
  appendfsync: AppendFsync;
  nodeOptions?: string;
  env?: Record<string, string>;
}): Promise<Rig> {
  const folder = mkdtempSync(join(tmpdir(), 'tokenhub-bench-'));
  const redis = await startRedis({ appendfsync: options.appendfsync });
  const [upstreamPort, barePort, apiPort, workerPort] = [
    await freePort(),
    await freePort(),
    await freePort(),
    await freePort(),
  ];
  const upstreamUrl = `http://127.0.0.1:${upstreamPort}`;
  const config = join(folder, 'tokenhub.json');
  writeFileSync(config, JSON.stringify(configuration(upstreamUrl)));
  const env = {
    NODE_ENV: 'production',
    REDIS_URL: redis.url,
    TOKENHUB_CONFIG: config,
    TOKENHUB_STATE_DIR: folder,
    TOKENHUB_AUTH: 'off',
    TOKENHUB_PORT: String(apiPort),
    TOKENHUB_WORKER_PORT: String(workerPort),
    ...(options.nodeOptions && { NODE_OPTIONS: options.nodeOptions }),
    ...options.env,
  };
  const bench = (name: string, args: string[]): RunningProcess =>
    startProcess({ name, entry: `test/bench/bare/${name}.ts`, args, env: { NODE_ENV: 'production' } });
  const app = (name: 'api' | 'worker', port: number): RunningProcess =>
    startProcess({ name, entry: `dist/apps/${name}/src/main.js`, env, readyUrl: `http://127.0.0.1:${port}/ready` });

  const upstream = bench('upstream', [String(upstreamPort)]);
  const bare = { api: bench('api', [String(barePort), redis.url]), worker: bench('worker', [redis.url, upstreamUrl]) };
  const tokenhub = { api: app('api', apiPort), worker: app('worker', workerPort) };
  await Promise.all([tokenhub.api.waitUntilReady(), tokenhub.worker.waitUntilReady()]);
  return {
    upstreamUrl,
    bareUrl: `http://127.0.0.1:${barePort}`,
    tokenhubUrl: `http://127.0.0.1:${apiPort}`,
    redis,
    processes: { bare, tokenhub, upstream },
    stop: async () => {
      for (const one of [tokenhub.api, tokenhub.worker, bare.api, bare.worker, upstream]) await one.stop();
      await redis.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Who takes part in a request to this pipeline, by the name that tables use. */
export function pidsOf(rig: Rig, pipeline: 'bare' | 'tokenhub'): Record<string, number> {
  const { api, worker } = rig.processes[pipeline];
  return {
    api: api?.pid ?? 0,
    worker: worker?.pid ?? 0,
    redis: rig.redis.pid,
    upstream: rig.processes.upstream.pid,
    load: process.pid,
  };
}

/** Far more than any run uses: every call takes its ticket, and none waits for it. */
const WIDE_LIMITS = { rpm: 100_000_000, tpm: 1_000_000_000_000 };

function configuration(upstreamUrl: string): object {
  return {
    providers: [
      { id: 'bench', type: 'openai', base_url: `${upstreamUrl}/v1`, credential: { source: 'none' } },
      {
        id: 'bench-limited',
        type: 'openai',
        base_url: `${upstreamUrl}/v1`,
        credential: { source: 'none' },
        limits: WIDE_LIMITS,
      },
      { id: 'bench-anthropic', type: 'anthropic', base_url: `${upstreamUrl}/v1`, credential: { source: 'none' } },
    ],
    models: [
      {
        id: 'bench-limited',
        provider: 'bench-limited',
        upstream_model: 'bench',
        price: { input_per_1k: 0.0025, output_per_1k: 0.01 },
      },
      {
        id: 'bench-claude',
        provider: 'bench-anthropic',
        upstream_model: 'bench',
        price: { input_per_1k: 0.0025, output_per_1k: 0.01 },
      },
      { id: 'bench', provider: 'bench', upstream_model: 'bench', price: { input_per_1k: 0.0025, output_per_1k: 0.01 } },
      {
        id: 'bench-large',
        provider: 'bench',
        upstream_model: 'bench-large',
        weight: 8,
        price: { input_per_1k: 0.01, output_per_1k: 0.03 },
      },
      {
        id: 'bench-mini',
        provider: 'bench',
        upstream_model: 'bench-mini',
        weight: 3,
        price: { input_per_1k: 0.0002, output_per_1k: 0.0008 },
      },
    ],
  };
}
