import { TokenhubError } from '#contracts/error-catalogue.js';
import { DELIVERY_STATES, type DeliveryState } from '#contracts/webhook.js';
import type { DeliveryFilter } from '#history/delivery-filter.js';
import { parseList } from '../http/parse-list.js';
import { readTime } from '../jobs/parse-page.js';

export interface DeliveriesRequest {
  /** The last id of the page before. */
  after: string | null;
  limit: number;
  filter: DeliveryFilter;
}

/** Reads `state`, `created_after`, `created_before`, `after` and `limit`; throws for anything else in the query. */
export function parseDeliveries(query: Record<string, unknown>): DeliveriesRequest {
  const { state, created_after: from, created_before: before, ...page } = query;
  const unknown = Object.keys(page).find((name) => name !== 'after' && name !== 'limit');
  if (unknown !== undefined) {
    const message = `The list takes state, created_after, created_before, after and limit, not ${unknown.slice(0, 64)}.`;
    throw new TokenhubError('unknown_parameter', message, { param: unknown });
  }
  const filter: DeliveryFilter = {
    ...(state !== undefined && { status: stateOf(state) }),
    ...(from !== undefined && { createdFrom: readTime('created_after', single('created_after', from)) }),
    ...(before !== undefined && { createdBefore: readTime('created_before', single('created_before', before)) }),
  };
  return { ...parseList(page), filter };
}

function stateOf(value: unknown): DeliveryState {
  const found = DELIVERY_STATES.find((known) => known === value);
  if (found !== undefined) return found;
  throw new TokenhubError('invalid_value', `state must be one of ${DELIVERY_STATES.join(', ')}.`, { param: 'state' });
}

function single(name: string, value: unknown): string {
  if (typeof value === 'string') return value;
  throw new TokenhubError('invalid_value', `${name} can be given once.`, { param: name });
}
