import { isDatabaseUnavailable, type Db } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import type { Logger } from '#platform/logging.js';

/**
 * Brings the database to this version. One that is away is no reason not to start: jobs go on without it, and the recorder migrates when
 * it is back. Throws `DatabaseTooNew` when the database is ahead of this code, and `MigrationFailed` when it cannot be brought up to it.
 */
export async function prepareDatabase(db: Db, logger: Logger): Promise<void> {
  try {
    const ran = await migrate(db);
    if (ran.length > 0) logger.info(`the database was brought up to date: ${ran.join(', ')}`);
  } catch (error) {
    if (!isDatabaseUnavailable(error)) throw error;
    logger.warn({ err: error }, 'the database does not answer: finished jobs wait in Redis until it does');
  }
}
