import type { DatabaseProbe, DatabaseStatus } from '#history/database-probe.js';
import type { RedisClient } from '#platform/redis.js';

/** Asks the stores whether they answer. */
export class StoreProbe {
  constructor(
    private readonly redis: RedisClient,
    private readonly databaseProbe: DatabaseProbe,
  ) {}

  /** How it is with the database, said within a moment. */
  async database(): Promise<DatabaseStatus> {
    return this.databaseProbe.status();
  }

  /** False when the connection is away or does not answer within its command timeout. */
  async answers(): Promise<boolean> {
    return this.redis.ping().then(
      () => true,
      () => false,
    );
  }
}
