/**
 * The all-in-one image's first process: Redis, a worker and an API, each restarted when it dies, with all data in
 * TOKENHUB_STATE_DIR. What cannot start ends the container with its last lines; SIGTERM ends API, worker and Redis in this order.
 */
import { accessSync, constants, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { clusterSecret } from '../scripts/lib/cluster-secret.ts';
import { inspectRedis } from '../scripts/lib/redis.ts';
import { ExpectedError, reportFailure } from '../scripts/lib/steps.ts';
import { Supervisor } from '../scripts/lib/supervisor.ts';

const root = join(import.meta.dirname, '..');
const env = process.env;
const say = (line) => process.stdout.write(`${line}\n`);

try {
  process.exitCode = await main();
} catch (error) {
  process.exitCode = reportFailure(error);
}

async function main() {
  requireSecrets();
  const redisUrl = readRedisUrl();
  const redisDir = makeRedisDir();
  const supervisor = new Supervisor({
    say: (line) => say(`▸ ${line}`),
    // The apps write JSON lines, which stay whole; who wrote one is in it.
    onLine: (name, line) => say(name === 'redis' ? `redis: ${line}` : line),
    // Before the first ready a death is a wrong setting: the container ends and says it, and its runtime decides about a restart.
    deathsBeforeReady: 1,
  });
  const stopped = stopOnSignal(supervisor);
  try {
    await supervisor.start(redisSpec(redisUrl, redisDir));
    // Together, since a worker is ready when an API has published what there is to serve, but as two stages: the API stops first.
    const up = await Promise.all([
      supervisor.start(appSpec('worker', env.TOKENHUB_WORKER_PORT || '8081')),
      supervisor.start(appSpec('api', env.TOKENHUB_PORT || '8080')),
    ]);
    if (up.every(Boolean)) say(`▸ Tokenhub is ready on port ${env.TOKENHUB_PORT || '8080'}`);
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  await stopped;
  return 0;
}

/** The port is usually published: it answers nobody without a key, and no token is left to be found in a file. */
function requireSecrets() {
  const missing = ['TOKENHUB_ADMIN_TOKEN', 'TOKENHUB_API_KEY'].filter((name) => !env[name]);
  if (missing.length === 0) return;
  throw new ExpectedError(
    `${missing.join(' and ')} must be set: this image starts only with an administrator's token and a consumer's key of your own (docs/deploy.md).`,
  );
}

/** This Redis is the image's own: the URL only says on which port of the loopback it is. */
function readRedisUrl() {
  const url = URL.parse(env.TOKENHUB_REDIS_URL || 'redis://127.0.0.1:6379');
  if (url?.protocol === 'redis:' && url.hostname === '127.0.0.1' && url.username === '' && url.password === '')
    return url;
  throw new ExpectedError(
    'TOKENHUB_REDIS_URL must be redis://127.0.0.1:<port> here: this image brings its own Redis. For another one use the images api and worker.',
  );
}

function makeRedisDir() {
  const dir = join(env.TOKENHUB_STATE_DIR || '/data', 'redis');
  try {
    mkdirSync(dir, { recursive: true });
    accessSync(dir, constants.W_OK);
  } catch (error) {
    throw new ExpectedError(
      `The data folder cannot be written to (this process is user ${process.getuid()}): ${error.message}`,
    );
  }
  return dir;
}

function redisSpec(url, dir) {
  return {
    name: 'redis',
    command: 'redis-server',
    args: [join(root, 'docker', 'redis.conf'), '--bind', '127.0.0.1', '--port', url.port || '6379', '--dir', dir],
    env,
    isReady: async () => !(await inspectRedis(url.href, 2_000)).loading,
    stopTimeoutMs: 10_000,
    // It reads its whole file first.
    readyTimeoutMs: 600_000,
  };
}

function appSpec(app, port) {
  const preload = join(root, 'scripts', 'lib', 'end-with-supervisor.mjs');
  return {
    name: app,
    command: process.execPath,
    args: ['--enable-source-maps', '--import', preload, join(root, 'dist', 'apps', app, 'src', 'main.js')],
    env: { ...env, TOKENHUB_CLUSTER_SECRET: clusterSecret(env, env.TOKENHUB_STATE_DIR || '/data') },
    isReady: async () => (await fetch(`http://127.0.0.1:${port}/ready`, { signal: AbortSignal.timeout(2_000) })).ok,
    // Longer than the process itself takes at most.
    stopTimeoutMs: 25_000,
    readyTimeoutMs: 60_000,
  };
}

/** Resolves when a signal has asked for the end and everything has ended. */
function stopOnSignal(supervisor) {
  return new Promise((resolve, reject) => {
    const stop = () => supervisor.stop().then(resolve, reject);
    for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, stop);
  });
}
