import { fileURLToPath } from 'node:url';
import type { Model, Price, RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { defineLuaScript, type LuaScript } from '#platform/lua-script.js';
import type { RedisClient } from '#platform/redis.js';
import type { SnapshotContent } from './build-snapshot.js';
import { canonicalJson } from './canonical-json.js';
import { SnapshotFollower } from './snapshot-follower.js';

export interface SnapshotStoreOptions {
  redis: RedisClient;
  /** Hash: the version and content of the newest snapshot. */
  key: string;
  /** Hears the number of each new version. */
  channel: string;
}

export interface FollowOptions {
  /** A connection of its own: a subscribed connection takes no other commands. Its owner closes it. */
  subscriber: RedisClient;
  /** Ends the following. */
  signal: AbortSignal;
  /** Hears of every look that failed; the next look follows by itself. */
  onError: (error: unknown) => void;
  /** Between looks that no message caused. */
  pollMs?: number;
}

/** The versioned registry snapshot in Redis: what is declared is published, and every process follows it. */
export class SnapshotStore {
  private readonly publishScript: LuaScript;

  constructor(private readonly options: SnapshotStoreOptions) {
    const file = fileURLToPath(new URL('./publish-snapshot.lua', import.meta.url));
    this.publishScript = defineLuaScript(options.redis, file, 'tokenhubPublishSnapshot');
  }

  /** Makes this content the newest. Content equal to the newest keeps its version, whatever the order of its fields. */
  async publish(content: SnapshotContent): Promise<RegistrySnapshot> {
    const { providers, models, aliases } = content;
    const { key, channel } = this.options;
    const version = await this.publishScript([key], [canonicalJson({ providers, models, aliases }), channel]);
    return { version: Number(version), providers, models, aliases };
  }

  /** The newest snapshot; null when none was ever published. */
  async read(): Promise<RegistrySnapshot | null> {
    const [version, content] = await this.options.redis.hmget(this.options.key, 'version', 'content');
    if (typeof version !== 'string' || typeof content !== 'string') return null;
    const { providers, models, aliases } = JSON.parse(content) as SnapshotContent;
    return { version: Number(version), providers, models: models.map(priced), aliases };
  }

  /**
   * Hands over the newest snapshot, if there is one, and from then on each newer one, in order and each once; a version that another
   * has already replaced may be left out. Resolves after the first look and rejects when that fails. Listens on the channel and looks
   * by itself every second, so that a message lost with a connection costs a second and no more.
   */
  async follow(onChange: (snapshot: RegistrySnapshot) => void, options: FollowOptions): Promise<void> {
    const { redis, key, channel } = this.options;
    const follower = new SnapshotFollower({
      version: async () => Number((await redis.hget(key, 'version')) ?? 0),
      read: () => this.read(),
      onChange,
      onError: options.onError,
      signal: options.signal,
    });
    await follower.start({ channel, subscriber: options.subscriber, pollMs: options.pollMs ?? 1_000 });
  }
}

/** Until a newer API publishes, the newest snapshot may be one from before cache writes had a price. */
function priced(model: Model): Model {
  const price: PriceOfAnyVersion = model.price;
  return { ...model, price: { ...price, cacheWriteNano: price.cacheWriteNano ?? price.inputNano } };
}

type PriceOfAnyVersion = Omit<Price, 'cacheWriteNano'> & Partial<Price>;
