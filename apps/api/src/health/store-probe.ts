import type { RedisClient } from '#platform/redis.js';

/** Asks Redis whether it answers. */
export class StoreProbe {
  constructor(private readonly redis: RedisClient) {}

  /** False when the connection is away or does not answer within its command timeout. */
  async answers(): Promise<boolean> {
    return this.redis.ping().then(
      () => true,
      () => false,
    );
  }
}
