import type { Delivery } from '#contracts/webhook.js';
import type { DeliveryHistory } from '#history/delivery-history.js';
import { inOrder, isAfter, passes, type DeliveryPlace } from '#history/delivery-filter.js';
import type { DeliveryFinder, FindDeliveries } from './delivery-finder.js';
import type { DeliveryStore } from './delivery-store.js';

export interface DeliveryPage {
  deliveries: Delivery[];
  hasMore: boolean;
  /** The delivery after which the next page goes on; it need not be on this one. Null when there is none. */
  lastId: string | null;
}

export interface KeptDeliveriesDeps {
  store: Pick<DeliveryStore, 'read' | 'readMany'>;
  finder: DeliveryFinder;
  /** Null where none is kept: then Redis has all there is. */
  history: Pick<DeliveryHistory, 'read' | 'list'> | null;
}

/**
 * Deliveries wherever they are: in Redis while they are tried, wait for the recorder or are fresh, and in the history once they are recorded.
 * What Redis says of one counts before what the history says.
 */
export class KeptDeliveries {
  constructor(private readonly deps: KeptDeliveriesDeps) {}

  /** Null when there is none of this id (any more). */
  async read(id: string): Promise<Delivery | null> {
    const { store, history } = this.deps;
    return (await store.read(id)) ?? (await history?.read(id)) ?? null;
  }

  /**
   * The deliveries of an endpoint (null: to jobs' own URLs) that pass the filter, the newest event first. A page may be short, even empty,
   * with more to come: so much is looked through at a time, and no more.
   */
  async list(project: string, endpoint: string | null, { limit, ...options }: FindDeliveries): Promise<DeliveryPage> {
    const { finder, history } = this.deps;
    const wanted = { ...options, limit: limit + 1 };
    // In this order: what the recorder takes out of Redis's list meanwhile is in the history by then.
    const live = await finder.find(project, endpoint, wanted);
    const recorded = (await history?.list(project, endpoint, wanted)) ?? [];
    const current = await this.asTheyAre(recorded, options.filter);
    const stops = [live.lookedTo, recorded.length > limit ? (recorded.at(-1) ?? null) : null];
    const lookedTo = stops.filter((place) => place !== null).reduce(earlier, null);
    const byId = new Map([...current, ...live.deliveries].map((one) => [one.id, one]));
    const complete = inOrder([...byId.values()]).filter((one) => lookedTo === null || !isAfter(one, lookedTo));
    const deliveries = complete.slice(0, limit);
    const isCut = complete.length > limit;
    const last = (isCut ? null : lookedTo) ?? deliveries.at(-1) ?? null;
    return { deliveries, hasMore: isCut || lookedTo !== null, lastId: last?.id ?? null };
  }

  /** What was begun anew since it was recorded is in Redis, and perhaps no more what was asked for. */
  private async asTheyAre(recorded: readonly Delivery[], filter: FindDeliveries['filter']): Promise<Delivery[]> {
    const live = await this.deps.store.readMany(recorded.map(({ id }) => id));
    return recorded.map((delivery, i) => live[i] ?? delivery).filter((delivery) => passes(delivery, filter));
  }
}

/** Of two places where a look stopped the one that comes first: nothing beyond it is complete. */
function earlier(one: DeliveryPlace | null, other: DeliveryPlace): DeliveryPlace {
  return one === null || isAfter(one, other) ? other : one;
}
