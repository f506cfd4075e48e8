import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { Registry } from './registry.js';
import { SnapshotStore } from './snapshot-store.js';
import type { SnapshotContent } from './build-snapshot.js';

export interface LiveRegistryOptions {
  redis: RedisClient;
  subscriber: RedisClient;
  onError: (error: unknown) => void;
}

/** The newest version of the registry that this process knows of; it follows changes while the process runs. */
export class LiveRegistry {
  private registry = Registry.empty();
  private readonly listeners: ((registry: Registry) => void)[] = [];
  private readonly ended = new AbortController();
  private readonly store: SnapshotStore;

  constructor(private readonly options: LiveRegistryOptions) {
    this.store = new SnapshotStore({ redis: options.redis, key: keys.registry(), channel: channels.registry() });
  }

  /** The registry of this moment; hold on to the value for as long as one decision takes, and no longer. */
  get current(): Registry {
    return this.registry;
  }

  /** Calls the listener with each new version, and now if there is one already. */
  onChange(listener: (registry: Registry) => void): void {
    this.listeners.push(listener);
    if (this.registry.version > 0) listener(this.registry);
  }

  /** Declares what the configuration says; every process hears of it when it differs from what was known. */
  async publish(content: SnapshotContent): Promise<void> {
    await this.store.publish(content);
  }

  /** Resolves once the newest snapshot, if there is one, is known; follows from then on. */
  async start(): Promise<void> {
    await this.store.follow((snapshot) => this.accept(new Registry(snapshot)), {
      subscriber: this.options.subscriber,
      signal: this.ended.signal,
      onError: this.options.onError,
    });
  }

  stop(): void {
    this.ended.abort();
  }

  private accept(registry: Registry): void {
    this.registry = registry;
    for (const listener of this.listeners) listener(registry);
  }
}
