import { expect, it } from '@jest/globals';
import type { Delivery } from '#contracts/webhook.js';
import { deliveryView } from './delivery-view.js';

const AT = Date.UTC(2026, 10, 22);
const delivery: Delivery = {
  ...{ id: 'evt_1.hook', jobId: 'job_1', project: 'p', endpoint: 'hook', url: null, state: 'failed', at: AT },
  ...{ status: 'pending', round: 1, attempts: 1, reason: 'http_500', nextAt: AT + 5_000, endedAt: null },
  heldBy: 'vault',
  tries: [{ at: AT + 1, httpStatus: 500, durationMs: 12, error: 'http_500' }],
};

it('a pending delivery shows its tries, when the next is due and what it waits for', () => {
  expect(deliveryView(delivery)).toEqual({
    ...{ object: 'webhook_delivery', id: 'evt_1.hook', endpoint: 'hook', event: 'job.failed', job: 'job_1' },
    ...{ event_id: expect.stringMatching(/^evt_[0-9a-f]{32}$/), state: 'pending', error: 'http_500' },
    ...{ created_at: '2026-11-22T00:00:00.000Z', ended_at: null, next_try_at: '2026-11-22T00:00:05.000Z' },
    waiting_for: 'vault',
    tries: [{ at: '2026-11-22T00:00:00.001Z', status: 500, duration_ms: 12, error: 'http_500' }],
  });
});

it('an ended one waits for nothing, and one that was delivered has no error', () => {
  const ended = { ...delivery, endedAt: AT + 9 };
  expect(deliveryView({ ...ended, status: 'dead' })).toMatchObject({
    ...{ state: 'dead', error: 'http_500', waiting_for: null, next_try_at: null, ended_at: '2026-11-22T00:00:00.009Z' },
  });
  expect(deliveryView({ ...ended, status: 'delivered' })).toMatchObject({ state: 'delivered', error: null });
});

it('the URL is in it only where the job has named it', () => {
  expect(deliveryView(delivery)).not.toHaveProperty('url');
  const own = { ...delivery, endpoint: null, url: 'https://e.org/' };
  expect(deliveryView(own)).toMatchObject({ endpoint: null, url: 'https://e.org/' });
});
