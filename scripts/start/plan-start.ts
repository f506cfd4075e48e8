import { parseArgs } from 'node:util';
import { portFrom } from '../lib/ports.ts';
import { ExpectedError } from '../lib/steps.ts';

export interface StartOptions {
  workers: number;
  build: boolean;
}

/** The configuration file, as far as the start looks into it. */
export interface ConfigFile {
  path: string;
  content: Record<string, unknown>;
}

export interface StartPlan extends StartOptions {
  host: string;
  apiPort: number;
  /** One per worker. */
  workerPorts: number[];
  /** Undefined when a provider is configured. */
  simulatorPort: number | undefined;
  /** In words, for the person at the terminal. */
  providers: string;
  /** What to set `TOKENHUB_AUTH` to; undefined leaves it to the processes. */
  auth: 'off' | undefined;
  authSaid: string;
  /** What names a Redis that somebody else runs; undefined means a private one. `url` is undefined for Sentinel and Cluster. */
  givenRedis: { variable: string; url: string | undefined } | undefined;
  /** The variable that names a PostgreSQL that somebody else runs; undefined means the embedded one. */
  givenDatabase: string | undefined;
}

/** Options of the command line. Throws an `ExpectedError` that shows the usage. */
export function parseOptions(args: string[]): StartOptions {
  try {
    const { values } = parseArgs({
      args,
      options: { workers: { type: 'string', default: '1' }, 'no-build': { type: 'boolean', default: false } },
    });
    const workers = Number(values.workers);
    if (!Number.isInteger(workers) || workers < 1 || workers > 32)
      throw new Error(`--workers ${values.workers}: 1 to 32`);
    return { workers, build: !values['no-build'] };
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpectedError(`${reason}\n  Usage: npm start -- [--workers <n>] [--no-build]`);
  }
}

/** What to start and where, from the environment and the configuration file; the environment wins. Throws an `ExpectedError`. */
export function planStart(env: NodeJS.ProcessEnv, options: StartOptions & { file?: ConfigFile }): StartPlan {
  const server = asObject(options.file?.content.server);
  const host = env.TOKENHUB_HOST ?? (typeof server.host === 'string' ? server.host : '127.0.0.1');
  const apiPort = portFrom(env, {
    variable: 'TOKENHUB_PORT',
    otherwise: typeof server.port === 'number' ? server.port : 8080,
  });
  const firstWorkerPort = portFrom(env, { variable: 'TOKENHUB_WORKER_PORT', otherwise: 8081 });
  const providers = providersSaid(env, options.file);
  const simulatorPort = providers ? undefined : portFrom(env, { variable: 'TOKENHUB_SIMULATOR_PORT', otherwise: 8090 });
  return {
    workers: options.workers,
    build: options.build,
    host,
    apiPort,
    workerPorts: Array.from({ length: options.workers }, (_, index) => firstWorkerPort + index),
    simulatorPort,
    providers: providers ?? 'none is configured, so the simulator is the provider',
    ...planAuth(env, { host, file: options.file }),
    givenRedis: givenRedis(env),
    givenDatabase: ['TOKENHUB_DATABASE_URL', 'DATABASE_URL'].find((variable) => env[variable]),
  };
}

function providersSaid(env: NodeJS.ProcessEnv, file: ConfigFile | undefined): string | undefined {
  if (file && Array.isArray(file.content.providers) && file.content.providers.length > 0) return `from ${file.path}`;
  const keys = ['OPENAI_API_KEY', 'ANTHROPIC_API_KEY'].filter((name) => env[name]);
  // With a file, the built-in model lists stay out: what it declares is what there is.
  return keys.length > 0 && !file ? `from ${keys.join(' and ')}` : undefined;
}

function planAuth(
  env: NodeJS.ProcessEnv,
  { host, file }: { host: string; file?: ConfigFile },
): Pick<StartPlan, 'auth' | 'authSaid'> {
  if (env.TOKENHUB_AUTH) return { auth: undefined, authSaid: `${env.TOKENHUB_AUTH}, from TOKENHUB_AUTH` };
  if (env.TOKENHUB_API_KEY) return { auth: undefined, authSaid: 'on: the key in TOKENHUB_API_KEY' };
  if (hasKeys(file)) return { auth: undefined, authSaid: `on: the keys in ${file?.path ?? ''}` };
  if (!isLoopback(host)) return { auth: undefined, authSaid: `on, because ${host} is not a loopback address` };
  return {
    auth: 'off',
    authSaid: 'off: anybody on this machine may call it (set TOKENHUB_API_KEY to a th_… key to change that)',
  };
}

function hasKeys(file: ConfigFile | undefined): boolean {
  const projects = file?.content.projects;
  return Array.isArray(projects) && projects.some((one) => Array.isArray(asObject(one).keys));
}

export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host === '[::1]' || host.startsWith('127.');
}

function givenRedis(env: NodeJS.ProcessEnv): StartPlan['givenRedis'] {
  for (const variable of ['TOKENHUB_REDIS_SENTINELS', 'TOKENHUB_REDIS_CLUSTER']) {
    if (env[variable]) return { variable, url: undefined };
  }
  for (const variable of ['TOKENHUB_REDIS_URL', 'REDIS_URL']) {
    if (env[variable]) return { variable, url: env[variable] };
  }
  return undefined;
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
