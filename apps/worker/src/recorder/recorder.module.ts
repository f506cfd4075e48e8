import { Module } from '@nestjs/common';
import { openHistory } from '#history/open-history.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS } from '#platform/platform.module.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { RecorderRole } from './recorder-role.js';

/** The worker's part in the history; nothing where there is no database. */
@Module({
  providers: [{ provide: RecorderRole, inject: [CONFIG, REDIS, PROCESS_ID, LOGGER], useFactory: buildRole }],
})
export class RecorderModule {}

async function buildRole(
  ...[config, redis, processId, logger]: [TokenhubConfig, RedisClient, string, Logger]
): Promise<RecorderRole | null> {
  const { history } = config;
  if (history === null) return null;
  const database = await openHistory(history, { name: 'recorder', connections: 2, logger });
  const blocking = connectRedis(config.redis, { name: 'worker-recorder', whenAway: 'wait' });
  blocking.on('error', (error: Error) => logger.debug({ err: error }, 'recorder'));
  return new RecorderRole({ redis, blocking, database, retentionMs: history.retentionMs, processId, logger });
}
