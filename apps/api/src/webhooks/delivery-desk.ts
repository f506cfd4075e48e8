import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Delivery } from '#contracts/webhook.js';
import type { DeliveryPlace } from '#history/delivery-filter.js';
import type { DeliveryStore } from '#webhooks/delivery-store.js';
import type { DeliveryPage, KeptDeliveries } from '#webhooks/kept-deliveries.js';
import { readTime } from '../jobs/parse-page.js';
import { JOB_ENDPOINT, type EndpointDesk } from './endpoint-desk.js';
import type { DeliveriesRequest } from './parse-deliveries.js';
import { MOST_REDELIVERED, type RedeliveryDto } from './redelivery.dto.js';

export interface DeliveryDeskDeps {
  endpoints: Pick<EndpointDesk, 'read'>;
  kept: KeptDeliveries;
  store: Pick<DeliveryStore, 'redeliver'>;
}

/** What a redelivery by time range has done. */
export interface Redelivered {
  redelivered: string[];
  hasMore: boolean;
  lastId: string | null;
}

/** Deliveries to a project's endpoints: looked at, and begun anew. Those of another project do not exist. */
export class DeliveryDesk {
  constructor(private readonly deps: DeliveryDeskDeps) {}

  /** Throws `webhook_endpoint_not_found`. */
  async list(project: string, endpointId: string, request: DeliveriesRequest): Promise<DeliveryPage> {
    const endpoint = await this.endpointOf(project, endpointId);
    const after = await this.placeOf(request.after, { project, endpoint });
    return this.deps.kept.list(project, endpoint, { ...request, after });
  }

  /** Throws `webhook_delivery_not_found`. */
  async read(project: string, endpointId: string, deliveryId: string): Promise<Delivery> {
    const endpoint = await this.endpointOf(project, endpointId);
    return this.find(deliveryId, { project, endpoint });
  }

  /** Begins an ended delivery anew. Throws `webhook_delivery_pending` while its tries are not over. */
  async redeliver(project: string, endpointId: string, deliveryId: string): Promise<Delivery> {
    const endpoint = await this.endpointOf(project, endpointId);
    const delivery = await this.find(deliveryId, { project, endpoint });
    await this.requireEnabled(project, endpoint);
    switch (await this.deps.store.redeliver(delivery)) {
      case 'started':
        return this.find(deliveryId, { project, endpoint });
      case 'pending': {
        const message = 'The delivery is still being tried; it can be sent again when its tries are over.';
        throw new TokenhubError('webhook_delivery_pending', message, { shouldRetry: false });
      }
      case 'missing':
        throw deliveryNotFound(deliveryId);
    }
  }

  /** Begins those of a time range anew, so many at a time; one that is being tried is left alone. */
  async redeliverAll(project: string, endpointId: string, body: RedeliveryDto): Promise<Redelivered> {
    const endpoint = await this.endpointOf(project, endpointId);
    const [createdFrom, createdBefore] = [readTime('from', body.from), readTime('to', body.to)];
    if (createdFrom >= createdBefore) {
      throw new TokenhubError('invalid_value', 'to must be later than from.', { param: 'to' });
    }
    await this.requireEnabled(project, endpoint);
    const after = await this.placeOf(body.after ?? null, { project, endpoint });
    const filter = { status: body.state ?? 'dead', createdFrom, createdBefore };
    const options = { after, limit: body.limit ?? MOST_REDELIVERED, filter };
    const { deliveries, hasMore, lastId } = await this.deps.kept.list(project, endpoint, options);
    const outcomes = await Promise.all(deliveries.map((delivery) => this.deps.store.redeliver(delivery)));
    const redelivered = deliveries.filter((_delivery, i) => outcomes[i] === 'started').map(({ id }) => id);
    return { redelivered, hasMore, lastId };
  }

  /** The endpoint as deliveries know it: null for the URLs that jobs name themselves. */
  private async endpointOf(project: string, endpointId: string): Promise<string | null> {
    try {
      return (await this.deps.endpoints.read(project, endpointId)).id;
    } catch (error) {
      // A declared endpoint may have this name.
      if (endpointId === JOB_ENDPOINT && isNotFound(error)) return null;
      throw error;
    }
  }

  private async requireEnabled(project: string, endpoint: string | null): Promise<void> {
    if (endpoint === null || (await this.deps.endpoints.read(project, endpoint)).enabled) return;
    const message = `The webhook endpoint "${endpoint}" is disabled: nothing is sent to it until it is enabled.`;
    throw new TokenhubError('webhook_endpoint_disabled', message, { shouldRetry: false });
  }

  private async find(id: string, whose: { project: string; endpoint: string | null }): Promise<Delivery> {
    const delivery = await this.readKept(id);
    if (delivery?.project !== whose.project || delivery.endpoint !== whose.endpoint) throw deliveryNotFound(id);
    return delivery;
  }

  /** Null for what no delivery has as its id: the database refuses U+0000. */
  private async readKept(id: string): Promise<Delivery | null> {
    return id.length <= LONGEST_ID && DELIVERY_ID.test(id) ? this.deps.kept.read(id) : null;
  }

  private async placeOf(
    id: string | null,
    whose: { project: string; endpoint: string | null },
  ): Promise<DeliveryPlace | null> {
    if (id === null) return null;
    const delivery = await this.readKept(id);
    if (delivery?.project === whose.project && delivery.endpoint === whose.endpoint) return delivery;
    throw new TokenhubError('invalid_value', 'after must be the id of a delivery of this endpoint.', {
      param: 'after',
    });
  }
}

/** An event's id, a dot and an endpoint's. */
const LONGEST_ID = 128;
const DELIVERY_ID = /^[A-Za-z0-9._-]+$/;

function deliveryNotFound(id: string): TokenhubError {
  const message = `There is no delivery ${JSON.stringify(id.slice(0, LONGEST_ID))} to this webhook endpoint.`;
  return new TokenhubError('webhook_delivery_not_found', message);
}

function isNotFound(error: unknown): boolean {
  return error instanceof TokenhubError && error.code === 'webhook_endpoint_not_found';
}
