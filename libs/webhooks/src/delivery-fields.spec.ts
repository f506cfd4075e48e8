import { expect, it } from '@jest/globals';
import type { Delivery } from '#contracts/webhook.js';
import { fromFields, recordOf, toDelivery, toFields } from './delivery-fields.js';

const delivery: Delivery = {
  ...{ id: 'evt_1.a.b', jobId: 'job_1', project: 'p', endpoint: 'a.b', url: null, state: 'failed', at: 1_800_000 },
  ...{ status: 'dead', round: 3, attempts: 7, reason: 'http_500', nextAt: null, endedAt: null, heldBy: null },
  tries: Array.from({ length: 12 }, (_, n) => ({ at: n, httpStatus: 500 + n, durationMs: n, error: `http_${n}` })),
};

const texts = (fields: Record<string, string | number>): Record<string, string> =>
  Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, String(value)]));

it('what the history has of a delivery is its record again, its tries in their order', () => {
  expect(toDelivery(delivery.id, texts(recordOf(delivery)))).toEqual(delivery);
  expect(recordOf(delivery)).toMatchObject({ tried: 12, 'try:12': JSON.stringify(delivery.tries[11]) });
});

it('a record of an earlier version is in its first round, without tries', () => {
  const outbox = { job: 'job_1', project: 'p', state: 'failed', at: '5', endpoint: '', url: 'https://e.org/' };
  expect(toDelivery('evt_1', { ...outbox, status: 'pending' })).toMatchObject({
    ...{ endpoint: null, url: 'https://e.org/', round: 1, attempts: 0, tries: [], nextAt: null, heldBy: null },
  });
});

it('no fields are no delivery', () => expect(toDelivery('evt_1', {})).toBeNull());

it('an entry of the outbox is the same after it was written and read', () => {
  const entry = {
    jobId: 'job_1',
    project: 'p',
    state: 'expired',
    at: 7,
    endpoint: null,
    url: 'https://e.org/',
  } as const;
  expect(fromFields(texts(toFields(entry)))).toEqual(entry);
});
