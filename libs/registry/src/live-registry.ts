import type { RedisClient } from '#platform/redis.js';
import { Registry } from './registry.js';
import { registrySnapshots } from './registry-snapshots.js';
import type { SnapshotStanding, SnapshotStore } from './snapshot-store.js';
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
  private readonly store: SnapshotStore<SnapshotContent>;
  private look: (() => Promise<void>) | null = null;

  constructor(private readonly options: LiveRegistryOptions) {
    this.store = registrySnapshots(options.redis);
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

  /**
   * Every process hears of this content when it differs from what was known, unless what was known comes before it. This process knows
   * the newest version, whichever that is, when it resolves.
   */
  async publish(content: SnapshotContent, standing?: SnapshotStanding): Promise<{ version: number; counts: boolean }> {
    const { providers, models, aliases } = content;
    const published = await this.store.publish({ providers, models, aliases }, standing);
    if (published.version !== this.registry.version) await this.look?.();
    return published;
  }

  /** Resolves once what is published at this moment is known; rejects when Redis cannot be asked. */
  async catchUp(): Promise<void> {
    await this.look?.();
  }

  /** Resolves once the newest snapshot, if there is one, is known; follows from then on. */
  async start(): Promise<void> {
    this.look = await this.store.follow((snapshot) => this.accept(new Registry(snapshot)), {
      subscriber: this.options.subscriber,
      signal: this.ended.signal,
      onError: this.options.onError,
    });
  }

  stop(): void {
    this.look = null;
    this.ended.abort();
  }

  private accept(registry: Registry): void {
    this.registry = registry;
    for (const listener of this.listeners) listener(registry);
  }
}
