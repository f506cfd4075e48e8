import type { MadeKeys } from '#contracts/key-rules.js';
import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { KeyRing } from './key-ring.js';
import { SnapshotStore } from './snapshot-store.js';

export interface LiveKeysOptions {
  ring: Pick<KeyRing, 'accept'>;
  redis: RedisClient;
  subscriber: RedisClient;
  onError: (error: unknown) => void;
  /** Between looks that no message caused. */
  pollMs?: number;
}

/** The snapshots of the keys that were made over the admin API, over this connection. */
export function keySnapshots(redis: RedisClient): SnapshotStore<MadeKeys> {
  // Made field by field in one order, and there may be ten thousand.
  const write = (content: MadeKeys): string => JSON.stringify(content);
  return new SnapshotStore<MadeKeys>({ redis, key: keys.apiKeys(), channel: channels.apiKeys(), write });
}

/**
 * Keeps a process's ring at the newest snapshot: within milliseconds of a change, and within half a second when the message is lost. While Redis
 * is away the ring stays as it was, which lets nobody in: no request can be served without Redis.
 */
export class LiveKeys {
  private readonly ended = new AbortController();
  private look: () => Promise<void> = () => Promise.resolve();

  constructor(private readonly options: LiveKeysOptions) {}

  /** Resolves once the ring has the newest snapshot, if there is one; follows from then on. */
  async start(): Promise<void> {
    const { ring, redis, subscriber, onError, pollMs } = this.options;
    this.look = await keySnapshots(redis).follow((snapshot) => ring.accept(snapshot), {
      ...{ subscriber, onError, signal: this.ended.signal },
      ...(pollMs !== undefined && { pollMs }),
    });
  }

  /** Resolves once the ring has what is published at this moment; rejects when Redis cannot be asked. */
  async catchUp(): Promise<void> {
    await this.look();
  }

  stop(): void {
    this.ended.abort();
  }
}
