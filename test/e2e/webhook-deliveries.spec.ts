import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '#testing/wait-for.js';
import { ask, chatJob, post, type Json } from './doors.js';
import { keyOf, WebhookStack, type Delivery, type Page } from './webhook-stack.js';

/* What becomes of deliveries: tries, dead letters, redelivery, disabling, and a vault that is locked. */

const TRIES = 7;
const DAY_MS = 86_400_000;
/** What waits for the vault looks again within five seconds. */
const HELD_MS = 20_000;

let hub: WebhookStack;

beforeAll(async () => {
  hub = await WebhookStack.start();
}, 90_000);

afterAll(() => hub.stop());

const fail = (path: string, status = 500): void =>
  hub.receiver.answer(path, (response) => response.writeHead(status).end());
const heal = (path: string): void => fail(path, 204);

describe('a receiver that fails', () => {
  it('has each of its tries in the list, and is given up after the last', async () => {
    fail('/fails');
    const { id } = await hub.newEndpoint('/fails');
    const jobId = await hub.endedJob();
    const pending = await hub.untilDelivery(id, jobId, ({ tries }) => tries.length === 1);
    expect(pending).toMatchObject({ state: 'pending', error: 'http_500', next_try_at: expect.any(String) });
    expect(pending.tries).toEqual([
      { at: expect.any(String), status: 500, duration_ms: expect.any(Number), error: 'http_500' },
    ]);
    const early = await hub.ask('POST', `/${id}/deliveries/${pending.id}/redeliver`);
    expect([early.status, early.body.code]).toEqual([409, 'webhook_delivery_pending']);
    const dead = await hub.untilDead(id, jobId);
    expect([dead.tries.length, dead.error, dead.next_try_at]).toEqual([TRIES, 'http_500', null]);
    await waitFor(async () => (await hub.redis.xlen('{th}:ledger')) === 0);
    expect(await hub.ask('GET', `/${id}/deliveries/${dead.id}`)).toMatchObject({ status: 200, body: dead });
    expect((await hub.deliveries(id, '?state=dead')).data).toEqual([dead]);
    expect((await hub.deliveries(id, '?state=pending')).data).toEqual([]);
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });

  it('has a dead delivery again at its wish, once, under the same id, also when only the history has it', async () => {
    fail('/returns');
    const { id } = await hub.newEndpoint('/returns');
    const jobId = await hub.endedJob();
    const dead = await hub.untilDead(id, jobId);
    await waitFor(async () => (await hub.redis.xlen('{th}:ledger')) === 0);
    await hub.redis.del(`{th}:webhook-delivery:${dead.id}`);
    expect((await hub.deliveries(id)).data).toEqual([dead]);
    const before = hub.receiver.at('/returns').length;
    // It is under way until both have asked.
    const asked = Promise.withResolvers<undefined>();
    hub.receiver.answer('/returns', (response) => void asked.promise.then(() => response.writeHead(204).end()));
    const answers = await Promise.all(
      [0, 1].map((api) => hub.ask('POST', `/${id}/deliveries/${dead.id}/redeliver`, { api })),
    );
    asked.resolve(undefined);
    expect(answers.map(({ status }) => status).toSorted()).toEqual([202, 409]);
    const delivered = await hub.untilDelivery(id, jobId, ({ state }) => state === 'delivered');
    expect(delivered).toMatchObject({ id: dead.id, error: null, tries: { length: TRIES + 1 } });
    const arrived = hub.receiver.at('/returns').slice(before);
    expect(arrived.map(({ headers }) => headers['webhook-id'])).toEqual([dead.event_id]);
    await waitFor(async () => (await hub.redis.xlen('{th}:ledger')) === 0);
    await hub.redis.del(`{th}:webhook-delivery:${dead.id}`);
    expect((await hub.deliveries(id)).data).toEqual([delivered]);
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });

  it('has all dead deliveries of a time range again, so many at a call', async () => {
    fail('/range');
    const { id } = await hub.newEndpoint('/range');
    const from = new Date(Date.now() - 1_000).toISOString();
    const jobs = [await hub.endedJob(), await hub.endedJob(), await hub.endedJob()];
    for (const jobId of jobs) await hub.untilDead(id, jobId);
    const to = new Date().toISOString();
    const outside = await hub.ask<Json>('POST', `/${id}/redeliver`, { body: { from: '2020-01-01', to: from } });
    expect([outside.status, outside.body]).toMatchObject([202, { redelivered: [], has_more: false }]);
    heal('/range');
    const begun: string[] = [];
    let after: string | undefined;
    for (let more = true, calls = 0; more; calls++) {
      expect(calls).toBeLessThan(4);
      const { status, body } = await hub.ask<{ redelivered: string[]; last_id: string; has_more: boolean }>(
        ...(['POST', `/${id}/redeliver`, { body: { from, to, limit: 2, after } }] as const),
      );
      expect(status).toBe(202);
      begun.push(...body.redelivered);
      ({ has_more: more, last_id: after } = body);
    }
    expect(new Set(begun).size).toBe(3);
    for (const jobId of jobs) await hub.untilDelivery(id, jobId, ({ state }) => state === 'delivered');
    expect((await hub.deliveries(id, '?state=dead')).data).toEqual([]);
    const again = await hub.ask<Json>('POST', `/${id}/redeliver`, { body: { from, to } });
    expect(again.body).toMatchObject({ redelivered: [], has_more: false });
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });

  it('that answers 410 is disabled with the reason, and gets everything again once it is enabled', async () => {
    fail('/gone', 410);
    const { id } = await hub.newEndpoint('/gone');
    const jobId = await hub.endedJob();
    const dead = await hub.untilDelivery(id, jobId, ({ state }) => state === 'dead');
    expect([dead.error, dead.tries.length]).toEqual(['http_410', 1]);
    const disabled = await waitFor(async () => {
      const endpoint = await hub.read(id);
      return !endpoint.enabled && endpoint;
    });
    expect(disabled.disabled).toEqual({ reason: 'http_410', since: expect.any(String), last_error: 'http_410' });
    for (const path of [`/${id}/deliveries/${dead.id}/redeliver`, `/${id}/redeliver`]) {
      const refused = await hub.ask('POST', path, { body: { from: '2020-01-01', to: '2100-01-01' } });
      expect([refused.status, refused.body.code]).toEqual([409, 'webhook_endpoint_disabled']);
    }
    heal('/gone');
    expect((await hub.ask('PATCH', `/${id}`, { body: { enabled: true } })).body.disabled).toBeNull();
    expect((await hub.ask('POST', `/${id}/deliveries/${dead.id}/redeliver`)).status).toBe(202);
    await hub.untilDelivery(id, jobId, ({ state }) => state === 'delivered');
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });

  it('is disabled after days without a success, everywhere, and begins anew when it is enabled', async () => {
    fail('/rotten', 503);
    const { id } = await hub.newEndpoint('/rotten');
    const jobId = await hub.endedJob();
    await hub.untilDelivery(id, jobId, ({ tries }) => tries.length === 1);
    const failures = `{th}:webhook-failures:house/${id}`;
    expect(await hub.redis.hgetall(failures)).toMatchObject({ tries: '1', last_error: 'http_503' });
    // For six days it has failed, but it was made a moment ago; then it was made as long ago.
    await hub.redis.hset(failures, { since: Date.now() - 6 * DAY_MS, tries: 30 });
    await hub.hurriedUntil(id, jobId, ({ tries }) => tries.length > 1);
    expect((await hub.read(id)).enabled).toBe(true);
    await hub.pretendArmed(id, Date.now() - 6 * DAY_MS);
    const disabled = await waitFor(async () => {
      await hub.hurry();
      const endpoint = await hub.read(id);
      return !endpoint.enabled && endpoint;
    });
    expect(disabled.disabled).toEqual({ reason: 'failing', since: expect.any(String), last_error: 'http_503' });
    const dead = await hub.untilDead(id, jobId);
    expect(dead.error).toBe('endpoint_disabled');
    await waitFor(async () => (await hub.isStored(id, 'failing')) && !(await hub.isTold(id, 1)));
    expect((await hub.ask('PATCH', `/${id}`, { body: { enabled: true } })).body.disabled).toBeNull();
    expect(await hub.redis.exists(failures)).toBe(0);
    await waitFor(() => hub.isTold(id, 1));
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });
});

describe('the list of deliveries', () => {
  it('comes page by page, the newest first, and by state and time', async () => {
    const { id } = await hub.newEndpoint('/pages');
    const jobs: string[] = [];
    for (let n = 0; n < 5; n++) jobs.unshift(await hub.endedJob());
    for (const jobId of jobs) await hub.untilDelivery(id, jobId, ({ state }) => state === 'delivered');
    const seen: Delivery[] = [];
    for (let after = '', more = true; more;) {
      const page: Page<Delivery> = await hub.deliveries(id, `?limit=2&state=delivered${after && `&after=${after}`}`);
      seen.push(...page.data);
      [after, more] = [page.last_id ?? '', page.has_more];
    }
    expect(seen.map(({ job }) => job)).toEqual(jobs);
    const middle = String(seen[2]?.created_at);
    const since = await hub.deliveries(id, `?created_after=${middle}`);
    const until = await hub.deliveries(id, `?created_before=${middle}`);
    expect([since.data.map(({ job }) => job), until.data.map(({ job }) => job)]).toEqual([
      ...[jobs.slice(0, 3), jobs.slice(3)],
    ]);
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });

  it('of the URLs that jobs name themselves is under the id job, and they are delivered again, too', async () => {
    hub.receiver.answer('/own', (response, n) => response.writeHead(n <= 1 ? 410 : 204).end());
    const webhook = { url: hub.receiver.url('/own') };
    const job = await post(hub.stack.url, chatJob({ webhook }), keyOf('other'));
    const list = async (): Promise<Delivery[]> =>
      (await hub.ask<Page<Delivery>>('GET', '/job/deliveries?state=dead', { as: 'other' })).body.data;
    const dead = await waitFor(async () => (await list()).find((one) => one.job === job.id));
    expect(dead).toMatchObject({ endpoint: null, url: webhook.url, error: 'http_410' });
    const foreign = await hub.ask('GET', `/job/deliveries/${dead.id}`);
    expect([foreign.status, foreign.body.code]).toEqual([404, 'webhook_delivery_not_found']);
    expect((await hub.ask('POST', `/job/deliveries/${dead.id}/redeliver`, { as: 'other' })).status).toBe(202);
    await waitFor(() => hub.receiver.at('/own').length === 2);
    const again = await waitFor(async () => {
      const { body } = await hub.ask<Delivery>('GET', `/job/deliveries/${dead.id}`, { as: 'other' });
      return body.state === 'delivered' && body;
    });
    expect(again.tries).toHaveLength(2);
    expect((await hub.ask('GET', '/job', { as: 'other' })).status).toBe(404);
  });
});

describe('while the vault is locked', () => {
  it('nothing is made, rotated or tested; deliveries wait without a try, and go on afterwards', async () => {
    const { id } = await hub.newEndpoint('/locked');
    await hub.lockVault();
    try {
      for (const [method, path, body] of [
        ['POST', '', { url: hub.receiver.url('/x') }],
        ['POST', `/${id}/rotate`, {}],
        ['POST', `/${id}/test`, undefined],
      ] as const) {
        const refused = await hub.ask(method, path, { body });
        expect([method, path, refused.status, refused.body.code]).toEqual([method, path, 409, 'vault_locked']);
      }
      expect((await hub.ask('PATCH', `/${id}`, { body: { description: 'Still changed' } })).status).toBe(200);
      const jobId = await hub.endedJob();
      const waiting = await hub.untilDelivery(id, jobId, ({ waiting_for: by }) => by === 'vault');
      expect(waiting).toMatchObject({ state: 'pending', tries: [] });
      await hub.unlockVault();
      const delivered = await waitFor(
        async () => (await hub.deliveries(id)).data.find(({ job, state }) => job === jobId && state === 'delivered'),
        { timeoutMs: HELD_MS },
      );
      expect([delivered.tries.length, delivered.waiting_for]).toEqual([1, null]);
    } finally {
      await hub.unlockVault();
    }
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });
});

it('every route is in the OpenAPI document', async () => {
  const { body } = await ask(`${hub.stack.url}/docs/openapi.json`);
  const paths = Object.keys(body.paths as Json).filter((path) => path.startsWith('/v1/webhook-endpoints'));
  expect(paths.toSorted()).toEqual([
    '/v1/webhook-endpoints',
    '/v1/webhook-endpoints/{id}',
    '/v1/webhook-endpoints/{id}/deliveries',
    '/v1/webhook-endpoints/{id}/deliveries/{deliveryId}',
    '/v1/webhook-endpoints/{id}/deliveries/{deliveryId}/redeliver',
    '/v1/webhook-endpoints/{id}/redeliver',
    '/v1/webhook-endpoints/{id}/rotate',
    '/v1/webhook-endpoints/{id}/test',
  ]);
});
