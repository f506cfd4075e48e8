import type { Delivery } from '#contracts/webhook.js';
import { passes, isAfter, type DeliveryFilter, type DeliveryPlace } from '#history/delivery-filter.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { DeliveryStore } from './delivery-store.js';

/** What one look goes through, and how many looks one page takes at most. */
const AT_ONCE = 200;
const LOOKS = 10;

export interface FindDeliveries {
  /** The last delivery of the page before. */
  after: DeliveryPlace | null;
  limit: number;
  filter: DeliveryFilter;
}

export interface DeliveriesFound {
  deliveries: Delivery[];
  /** Where it stopped, because it has enough or has looked for long enough; null when nothing is left. */
  lookedTo: DeliveryPlace | null;
}

/** The deliveries of an endpoint that the history does not have yet: looked through in steps, never as a whole. */
export class DeliveryFinder {
  constructor(
    private readonly redis: RedisClient,
    private readonly store: Pick<DeliveryStore, 'readMany'>,
  ) {}

  /** The newest that pass the filter. `endpoint` is null for jobs' own URLs. */
  async find(project: string, endpoint: string | null, options: FindDeliveries): Promise<DeliveriesFound> {
    const { after, limit, filter } = options;
    const key = keys.webhookDeliveries(project, endpoint ?? '');
    const before = filter.createdBefore === undefined ? '+inf' : `(${filter.createdBefore}`;
    const highest = after === null ? before : Math.min(after.at, (filter.createdBefore ?? Infinity) - 1);
    const deliveries: Delivery[] = [];
    for (let look = 0, offset = 0; look < LOOKS; look++, offset += AT_ONCE) {
      const lowest = filter.createdFrom ?? '-inf';
      const page = await this.redis.zrevrangebyscore(key, highest, lowest, 'WITHSCORES', 'LIMIT', offset, AT_ONCE);
      const places = placesIn(page);
      const due = places.filter((place) => after === null || isAfter(place, after));
      const found = await this.readExisting(key, due);
      for (const delivery of found.filter((one) => passes(one, filter))) {
        deliveries.push(delivery);
        if (deliveries.length === limit) return { deliveries, lookedTo: delivery };
      }
      if (places.length < AT_ONCE) return { deliveries, lookedTo: null };
      if (look === LOOKS - 1) return { deliveries, lookedTo: places.at(-1) ?? null };
    }
    return { deliveries, lookedTo: null };
  }

  private async readExisting(key: string, places: readonly DeliveryPlace[]): Promise<Delivery[]> {
    const found = await this.store.readMany(places.map(({ id }) => id));
    // Without a history nothing takes them out of the list but this.
    const gone = places.filter((_place, i) => found[i] === null).map(({ id }) => id);
    if (gone.length > 0) await this.redis.zrem(key, ...gone);
    return found.filter((delivery) => delivery !== null);
  }
}

function placesIn(page: readonly string[]): DeliveryPlace[] {
  const ids = page.filter((_one, i) => i % 2 === 0);
  return ids.map((id, i) => ({ id, at: Number(page[2 * i + 1]) }));
}
