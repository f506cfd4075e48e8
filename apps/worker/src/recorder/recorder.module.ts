import { Module } from '@nestjs/common';
import type { Database } from '#database/connect-database.js';
import { HISTORY_DATABASE } from '#history/history.module.js';
import type { TokenhubConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';
import { CONFIG, LOGGER, PROCESS_ID, REDIS } from '#platform/platform.module.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import { RecorderRole } from './recorder-role.js';

/** The worker's part in the history; nothing where there is none. */
@Module({
  providers: [
    { provide: RecorderRole, inject: [CONFIG, REDIS, HISTORY_DATABASE, PROCESS_ID, LOGGER], useFactory: buildRole },
  ],
})
export class RecorderModule {}

function buildRole(
  ...[config, redis, database, processId, logger]: [TokenhubConfig, RedisClient, Database | null, string, Logger]
): RecorderRole | null {
  const { history } = config;
  if (history === null || database === null) return null;
  const blocking = connectRedis(config.redis, { name: 'worker-recorder', whenAway: 'wait' });
  blocking.on('error', (error: Error) => logger.debug({ err: error }, 'recorder'));
  return new RecorderRole({ redis, blocking, database, retentionMs: history.retentionMs, processId, logger });
}
