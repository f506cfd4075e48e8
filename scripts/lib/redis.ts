import { existsSync, mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { freePort } from './ports.ts';
import { parseRedisVersion, type RedisProgram } from './redis-program.ts';
import { ExpectedError } from './steps.ts';
import type { ChildSpec } from './supervised-child.ts';

const PREFERRED_PORT = 6390;

export interface PrivateRedis {
  port: number;
  url: string;
  dir: string;
  logFile: string;
  /** An instance of ours that an earlier start has left running. */
  runningPid: number | undefined;
}

/** Where this checkout's private Redis is, or would be: the port of the last time, if it is still ours or free. */
export async function planPrivateRedis(stateDir: string, preferredPort = PREFERRED_PORT): Promise<PrivateRedis> {
  const dir = join(stateDir, 'redis');
  const portFile = join(stateDir, 'redis.port');
  mkdirSync(dir, { recursive: true });
  mkdirSync(join(stateDir, 'log'), { recursive: true });
  const remembered = existsSync(portFile) ? Number(readFileSync(portFile, 'utf8')) : preferredPort;
  const runningPid = await pidOfOurs(remembered, dir);
  const port = runningPid === undefined ? await freePort(remembered) : remembered;
  writeFileSync(portFile, String(port));
  return { port, url: `redis://127.0.0.1:${port}`, dir, logFile: join(stateDir, 'log', 'redis.log'), runningPid };
}

/** The private Redis as a process to supervise: every acknowledged write is on disk, nothing is evicted, nobody else can reach it. */
export function privateRedisSpec(redis: PrivateRedis, program: RedisProgram): ChildSpec {
  const settings = {
    port: String(redis.port),
    bind: '127.0.0.1',
    dir: redis.dir,
    logfile: redis.logFile,
    save: '',
    appendonly: 'yes',
    appendfsync: 'always',
    'stream-node-max-bytes': '512',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  };
  return {
    name: 'redis',
    command: program.path,
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    env: process.env,
    adoptPid: redis.runningPid,
    isReady: async () => !(await inspectRedis(redis.url, 2_000)).loading,
    stopTimeoutMs: 30_000,
    readyTimeoutMs: 60_000,
  };
}

/** Checks that a Redis somebody else runs answers and is new enough; gives its version. Throws an `ExpectedError` without the URL's password. */
export async function checkGivenRedis(url: string, variable: string): Promise<string> {
  const place = hostOf(url, variable);
  const { version } = await inspectRedis(url, 5_000).catch((error: unknown) => {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ExpectedError(`The Redis at ${place}, from ${variable}, does not answer: ${reason}`);
  });
  if (version && version.major >= 7) return `Redis ${version.text} at ${place}, from ${variable}`;
  throw new ExpectedError(
    `The Redis at ${place}, from ${variable}, is ${version?.text ?? 'of unknown version'}: 7.0 or later is needed.`,
  );
}

function hostOf(url: string, variable: string): string {
  try {
    return new URL(url).host;
  } catch {
    throw new ExpectedError(`${variable} is not a URL such as redis://localhost:6379.`);
  }
}

interface Inspection {
  version: { major: number; text: string } | undefined;
  loading: boolean;
  pid: number;
  dir: string | undefined;
}

/** What a Redis says of itself; also one that is still reading its file answers. Throws what refused the connection. */
export async function inspectRedis(url: string, timeoutMs: number, withDir = false): Promise<Inspection> {
  const client = new Redis(url, {
    lazyConnect: true,
    enableReadyCheck: false,
    connectTimeout: timeoutMs,
    commandTimeout: timeoutMs,
    maxRetriesPerRequest: 0,
    retryStrategy: () => null,
  });
  let refusal: Error | undefined;
  client.on('error', (error: Error) => (refusal = error));
  try {
    await client.connect();
    const info = await client.info();
    const [, dir] = withDir ? await client.config('GET', 'dir') : [];
    return {
      version: parseRedisVersion(info),
      loading: /^loading:1/m.test(info),
      pid: Number(/^process_id:(\d+)/m.exec(info)?.[1]),
      dir,
    };
  } catch (error) {
    // "Connection is closed" says less than the refusal that closed it.
    throw refusal ?? error;
  } finally {
    if (client.status === 'ready') client.disconnect();
  }
}

async function pidOfOurs(port: number, dir: string): Promise<number | undefined> {
  try {
    const seen = await inspectRedis(`redis://127.0.0.1:${port}`, 2_000, true);
    return seen.dir !== undefined && realpathSync(seen.dir) === realpathSync(dir) ? seen.pid : undefined;
  } catch {
    // Nothing there, or something that is no Redis, or one that wants a password: in each case not ours.
    return undefined;
  }
}
