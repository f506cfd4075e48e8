import {
  connectDatabase,
  isDatabaseUnavailable,
  type Database,
  type DatabaseOptions,
} from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import type { HistoryConfig } from '#platform/config/config.js';
import type { Logger } from '#platform/logging.js';

/**
 * Opens the database of the history and brings it to this version. One that is away is no reason not to start: jobs go on without it,
 * and the recorder migrates when it is back. Throws `DatabaseTooNew` when the database is ahead of this code.
 */
export async function openHistory(
  { databaseUrl }: HistoryConfig,
  { logger, ...options }: Omit<DatabaseOptions, 'onError'> & { logger: Logger },
): Promise<Database> {
  const database = connectDatabase(databaseUrl, {
    ...options,
    onError: (error) => logger.debug({ err: error }, 'database connection'),
  });
  try {
    const ran = await migrate(database.db);
    if (ran.length > 0) logger.info(`the database was brought up to date: ${ran.join(', ')}`);
    return database;
  } catch (error) {
    if (!isDatabaseUnavailable(error)) {
      await database.close();
      throw error;
    }
    logger.warn({ err: error }, 'the database does not answer: finished jobs wait in Redis until it does');
    return database;
  }
}
