import type { Model, Price } from '#contracts/registry-snapshot.js';
import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { SnapshotContent } from './build-snapshot.js';
import { SnapshotStore } from './snapshot-store.js';

/** The snapshots of the registry, over this connection. */
export function registrySnapshots(redis: RedisClient): SnapshotStore<SnapshotContent> {
  return new SnapshotStore<SnapshotContent>({
    redis,
    key: keys.registry(),
    channel: channels.registry(),
    upgrade: (content) => ({ ...content, models: content.models.map(priced) }),
  });
}

/** Until a newer API publishes, the newest snapshot may be one from before cache writes had a price. */
function priced(model: Model): Model {
  const price: PriceOfAnyVersion = model.price;
  return { ...model, price: { ...price, cacheWriteNano: price.cacheWriteNano ?? price.inputNano } };
}

type PriceOfAnyVersion = Omit<Price, 'cacheWriteNano'> & Partial<Price>;
