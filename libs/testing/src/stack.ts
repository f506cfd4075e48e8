import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.js';
import { type RunningProcess, startProcess } from './process-harness.js';
import { temporaryFolder } from './reaper.js';
import { type DatabaseKind, type DatabaseServer, startDatabase } from './postgres-harness.js';
import { type AppendFsync, type RedisServer, startRedis } from './redis-harness.js';
import { simulatorConfig, type StackConfig } from './simulator-config.js';

export interface StackOptions {
  /** The configuration file's content; a function gets the simulator's base URL. Default: three models on the simulator. */
  config?: StackConfig | ((simulatorUrl: string) => StackConfig);
  workers?: number;
  apis?: number;
  auth?: 'on' | 'off';
  appendfsync?: AppendFsync;
  /** For every API and worker process; wins over what the stack sets. */
  env?: Record<string, string>;
  /** What finished jobs are kept in; default none. */
  database?: DatabaseKind | 'none';
  /** How many requests the simulator's log keeps; default 1,000. */
  simulatorLogLimit?: number;
}

export interface StackProcess extends RunningProcess {
  readonly url: string;
}

export interface Stack {
  /** Of the first API: `http://127.0.0.1:<port>`. */
  readonly url: string;
  /** `http://127.0.0.1:<port>`, without `/v1`; control endpoints are under `/_control`. */
  readonly simulatorUrl: string;
  readonly redis: RedisServer;
  /** Null without one. */
  readonly database: DatabaseServer | null;
  readonly simulator: StackProcess;
  /** Also those that have ended meanwhile. */
  readonly apis: StackProcess[];
  readonly workers: StackProcess[];
  /** One more, ready when it resolves; for tests that have killed one. `env` wins over that of the others. */
  startApi(env?: Record<string, string>): Promise<StackProcess>;
  startWorker(env?: Record<string, string>): Promise<StackProcess>;
  /** Ends API, workers, simulator and Redis in this order and deletes every file. */
  stop(): Promise<void>;
}

/** Redis, the simulator, the API and workers as real processes on ports of their own; needs `npm run build`. Throws with the log of what fails. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const folder = temporaryFolder('stack');
  const { database: kind = 'none' } = options;
  const redis = await startRedis({ appendfsync: options.appendfsync });
  const database = kind === 'none' ? null : await startDatabase(kind);
  const apis: StackProcess[] = [];
  const workers: StackProcess[] = [];
  const simulators: StackProcess[] = [];
  const stop = async (): Promise<void> => {
    for (const group of [apis, workers, simulators]) await Promise.all(group.map((one) => one.stop()));
    await database?.stop();
    await redis.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const simulator = await startSimulator(options.simulatorLogLimit);
    simulators.push(simulator);
    await simulator.waitUntilReady();
    const env = environment({ options, folder, redis, database, simulatorUrl: simulator.url });
    const startApi = (own = {}): Promise<StackProcess> => startApp('api', { env: { ...env, ...own }, into: apis });
    const startWorker = (own = {}): Promise<StackProcess> =>
      startApp('worker', { env: { ...env, ...own }, into: workers });
    const [first] = await Promise.all([
      startApi(),
      ...Array.from({ length: (options.apis ?? 1) - 1 }, () => startApi()),
      ...Array.from({ length: options.workers ?? 1 }, () => startWorker()),
    ]);
    return {
      url: first.url,
      simulatorUrl: simulator.url,
      redis,
      database,
      simulator,
      apis,
      workers,
      startApi,
      startWorker,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startSimulator(logLimit = 1_000): Promise<StackProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const running = startProcess({
    name: 'simulator',
    entry: 'dist/apps/simulator/src/main.js',
    args: ['--host', '127.0.0.1', '--port', String(port), '--log-limit', String(logLimit)],
    env: { NODE_ENV: 'production' },
    readyUrl: `${url}/v1/models`,
  });
  return { ...running, url };
}

interface Place {
  options: StackOptions;
  folder: string;
  redis: RedisServer;
  database: DatabaseServer | null;
  simulatorUrl: string;
}

function environment({ options, folder, redis, database, simulatorUrl }: Place): Record<string, string> {
  const { config = simulatorConfig } = options;
  const file = join(folder, 'tokenhub.json');
  writeFileSync(file, JSON.stringify(typeof config === 'function' ? config(`${simulatorUrl}/v1`) : config, null, 2));
  return {
    NODE_ENV: 'production',
    TOKENHUB_HOST: '127.0.0.1',
    REDIS_URL: redis.url,
    ...(database && { DATABASE_URL: database.url }),
    TOKENHUB_CONFIG: file,
    TOKENHUB_STATE_DIR: folder,
    TOKENHUB_LOG_LEVEL: 'info',
    ...(options.auth === 'on' ? {} : { TOKENHUB_AUTH: 'off' }),
    ...options.env,
  };
}

async function startApp(
  app: 'api' | 'worker',
  { env, into }: { env: Record<string, string>; into: StackProcess[] },
): Promise<StackProcess> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const variable = app === 'api' ? 'TOKENHUB_PORT' : 'TOKENHUB_WORKER_PORT';
  const running = startProcess({
    name: `${app}-${into.length + 1}`,
    entry: `dist/apps/${app}/src/main.js`,
    env: { ...env, [variable]: String(port) },
    readyUrl: `${url}/ready`,
  });
  const handle = { ...running, url };
  into.push(handle);
  await handle.waitUntilReady();
  return handle;
}
