import type { Delivery, DeliveryState } from '#contracts/webhook.js';

/** Where a delivery stands in the list of its endpoint, which has the newest event first. */
export interface DeliveryPlace {
  id: string;
  /** When its event was, in Unix milliseconds. */
  at: number;
}

export interface DeliveryFilter {
  status?: DeliveryState;
  /** Of its event, in Unix milliseconds: from this on. */
  createdFrom?: number;
  /** And before this. */
  createdBefore?: number;
}

export function passes({ status, at }: Delivery, filter: DeliveryFilter): boolean {
  return (
    (filter.status === undefined || status === filter.status) &&
    at >= (filter.createdFrom ?? -Infinity) &&
    at < (filter.createdBefore ?? Infinity)
  );
}

/** True when `place` comes later in the list than `other`. */
export function isAfter(place: DeliveryPlace, other: DeliveryPlace): boolean {
  return place.at < other.at || (place.at === other.at && place.id < other.id);
}

/** In the order of the list. */
export function inOrder<P extends DeliveryPlace>(places: readonly P[]): P[] {
  return places.toSorted((a, b) => (isAfter(a, b) ? 1 : -1));
}
