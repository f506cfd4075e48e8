import type { RedisTarget } from './config/config.js';
import type { Logger } from './logging.js';
import type { RedisClient } from './redis.js';

/** Streams with ids of the form `0-*` came with Redis 7.0. */
const OLDEST_MAJOR = 7;
const REPORT_EVERY_MS = 2_000;

/**
 * Resolves once Redis answers; until then says every two seconds where it is looked for and why it does not answer, and
 * goes on trying. Throws when the server is too old.
 */
export async function untilRedisReady(
  redis: RedisClient,
  options: { target: RedisTarget; logger: Logger },
): Promise<void> {
  const { logger } = options;
  let lastReport = 0;
  const report = (error: Error): void => {
    if (Date.now() - lastReport < REPORT_EVERY_MS) return;
    lastReport = Date.now();
    logger.warn(`Redis at ${describeTarget(options.target)} does not answer (${reasonOf(error)}); trying again`);
  };
  redis.on('error', report);
  if (redis.status !== 'ready') await new Promise<void>((resolve) => redis.once('ready', resolve));
  await refuseOldServer(redis);
  await warnOfEviction(redis, logger);
}

/** Where Redis is, without its password. */
export function describeTarget(target: RedisTarget): string {
  switch (target.kind) {
    case 'single': {
      const url = new URL(target.url);
      return `${url.protocol}//${url.host}${url.pathname === '/' ? '' : url.pathname}`;
    }
    case 'sentinel':
      return `${target.name} at sentinels ${target.sentinels.map((node) => `${node.host}:${node.port}`).join(', ')}`;
    case 'cluster':
      return `cluster ${target.nodes.map((node) => `${node.host}:${node.port}`).join(', ')}`;
  }
}

function reasonOf(error: Error): string {
  const code = (error as NodeJS.ErrnoException).code;
  return error.message === '' ? (code ?? error.name) : error.message;
}

async function refuseOldServer(redis: RedisClient): Promise<void> {
  const info = await redis.info('server');
  const version = /^redis_version:(\S+)/m.exec(info)?.[1] ?? '0';
  if (Number(version.split('.')[0]) < OLDEST_MAJOR) {
    throw new Error(`Redis ${version} is too old: Tokenhub needs ${OLDEST_MAJOR}.0 or newer`);
  }
}

async function warnOfEviction(redis: RedisClient, logger: Logger): Promise<void> {
  const policy = /^maxmemory_policy:(\S+)/m.exec(await redis.info('memory'))?.[1];
  if (policy !== undefined && policy !== 'noeviction') {
    logger.warn(`Redis may evict accepted jobs: its maxmemory-policy is ${policy}, Tokenhub needs noeviction`);
  }
}
