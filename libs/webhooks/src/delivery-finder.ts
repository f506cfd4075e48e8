import type { Delivery } from '#contracts/webhook.js';
import { passes, isAfter, type DeliveryFilter, type DeliveryPlace } from '#history/delivery-filter.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import type { DeliveryStore } from './delivery-store.js';

/** How many deliveries are read at a time, and through how many places one page looks at most. */
const AT_ONCE = 200;
const MOST_PLACES = 2_000;

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
    const lowest = filter.createdFrom ?? '-inf';
    // All at once: what is taken out of the list meanwhile must not move the places that are still to be looked at.
    const page = await this.redis.zrevrangebyscore(key, highest, lowest, 'WITHSCORES', 'LIMIT', 0, MOST_PLACES);
    const places = placesIn(page);
    const due = places.filter((place) => after === null || isAfter(place, after));
    const deliveries: Delivery[] = [];
    let last: Delivery | null = null;
    for (let from = 0; from < due.length; from += AT_ONCE) {
      for (const delivery of await this.readExisting(key, due.slice(from, from + AT_ONCE))) {
        last = delivery;
        if (passes(delivery, filter)) deliveries.push(delivery);
        if (deliveries.length === limit) return { deliveries, lookedTo: delivery };
      }
    }
    if (places.length < MOST_PLACES || due.length === 0) return { deliveries, lookedTo: null };
    // None of them exists any more, and the list has them no more: only what does can be the place to go on from.
    return last === null ? this.find(project, endpoint, options) : { deliveries, lookedTo: last };
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
