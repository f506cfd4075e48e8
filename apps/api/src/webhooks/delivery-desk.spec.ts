import { expect, it } from '@jest/globals';
import type { KeptDeliveries } from '#webhooks/kept-deliveries.js';
import { DeliveryDesk } from './delivery-desk.js';

it.each(['evt_1\u0000', 'evt_1/one', '', 'x'.repeat(129)])(
  'no delivery has the id %j, and nobody is asked for it',
  async (id) => {
    const kept = {
      read: () => Promise.reject(new Error('asked')),
      list: () => Promise.reject(new Error('listed')),
    } as unknown as KeptDeliveries;
    const desk = new DeliveryDesk({
      endpoints: { read: () => Promise.resolve({ id: 'one', declared: false, url: '', enabled: true }) },
      ...{ kept, store: { redeliver: () => Promise.reject(new Error('begun')) } },
    });
    const notFound = { code: 'webhook_delivery_not_found' };
    await expect(desk.read('p', 'one', id)).rejects.toMatchObject(notFound);
    await expect(desk.redeliver('p', 'one', id)).rejects.toMatchObject(notFound);
    const noPlace = { code: 'invalid_value', options: { param: 'after' } };
    await expect(desk.list('p', 'one', { after: id, limit: 1, filter: {} })).rejects.toMatchObject(noPlace);
    const range = { from: '2026-11-22T00:00:00Z', to: '2026-11-23T00:00:00Z', after: id };
    await expect(desk.redeliverAll('p', 'one', range)).rejects.toMatchObject(noPlace);
  },
);
