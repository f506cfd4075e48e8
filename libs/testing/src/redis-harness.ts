import { rmSync } from 'node:fs';
import process from 'node:process';
import { Redis } from 'ioredis';
import { findProgram } from './find-program.js';
import { freePort } from './free-port.js';
import { type RunningProcess, startProcess } from './process-harness.js';
import { temporaryFolder } from './reaper.js';

/** `always` is what the product runs with; `everysec` and `no` are for tests that do not look at durability. */
export type AppendFsync = 'always' | 'everysec' | 'no';

export interface RedisServer {
  readonly url: string;
  readonly port: number;
  readonly dir: string;
  /** Of the running instance; changes with `restart`. */
  readonly pid: number;
  /** Ends it and deletes its folder, unless the folder was given. */
  stop(): Promise<void>;
  /** SIGKILL; the folder stays for `restart`. */
  kill(): Promise<void>;
  /** Starts again on the same port and folder, after ending what runs. */
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open, and nothing answers. (Redis 7.0 refuses DEBUG SLEEP.) */
  pause(): void;
  resume(): void;
}

export interface RedisOptions {
  appendfsync?: AppendFsync;
  dir?: string;
  port?: number;
}

/** A Redis of the test's own on the loopback and a port of its own, configured like the product's. Throws when there is no server program. */
export async function startRedis(options: RedisOptions = {}): Promise<RedisServer> {
  const { appendfsync = 'always' } = options;
  const port = options.port ?? (await freePort());
  const dir = options.dir ?? temporaryFolder('redis');
  let instance = await launch({ port, dir, appendfsync });
  return {
    url: `redis://127.0.0.1:${port}`,
    port,
    dir,
    get pid() {
      return instance.pid;
    },
    stop: async () => {
      instance.resume();
      await instance.stop();
      if (options.dir === undefined) rmSync(dir, { recursive: true, force: true });
    },
    kill: async () => {
      await instance.kill();
    },
    restart: async () => {
      instance.resume();
      await instance.stop();
      instance = await launch({ port, dir, appendfsync });
    },
    pause: () => instance.pause(),
    resume: () => instance.resume(),
  };
}

/** The server program: `TOKENHUB_TEST_REDIS_BINARY`, else `redis-server` or `valkey-server` on the PATH. Throws when there is none. */
export function redisProgram(): string {
  const named = process.env.TOKENHUB_TEST_REDIS_BINARY;
  if (named) return named;
  const found = findProgram(['redis-server', 'valkey-server']);
  if (found === undefined) {
    throw new Error(
      'no redis-server or valkey-server on the PATH: `npm test` installs one, or set TOKENHUB_TEST_REDIS_BINARY',
    );
  }
  return found;
}

async function launch(at: { port: number; dir: string; appendfsync: AppendFsync }): Promise<RunningProcess> {
  const settings = {
    port: String(at.port),
    bind: '127.0.0.1',
    dir: at.dir,
    save: '',
    appendonly: 'yes',
    appendfsync: at.appendfsync,
    'maxmemory-policy': 'noeviction',
    'stream-node-max-bytes': '512',
    daemonize: 'no',
  };
  const instance = startProcess({
    name: 'redis',
    command: true,
    entry: redisProgram(),
    args: Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]),
    isReady: () => answersPing(at.port),
  });
  await instance.waitUntilReady();
  return instance;
}

async function answersPing(port: number): Promise<boolean> {
  const client = new Redis({ port, host: '127.0.0.1', lazyConnect: true, retryStrategy: () => null });
  // The refusal that matters is the one of connect() or ping(); without a listener the same error is also printed.
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return true;
  } finally {
    // A refused client has ended by itself; ending it again would leave ioredis' two-second timer behind.
    if (client.status === 'ready') client.disconnect();
  }
}
