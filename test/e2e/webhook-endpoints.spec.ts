import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Webhook } from 'standardwebhooks';
import type { Received } from '#testing/webhook-receiver.js';
import { waitFor } from '#testing/wait-for.js';
import { ask, everythingIn, type Json } from './doors.js';
import { ADMIN, DECLARED_SECRET, WebhookStack, type Endpoint, type Page } from './webhook-stack.js';

/* Webhook endpoints as a project's keys make, change and use them. */

let hub: WebhookStack;

beforeAll(async () => {
  hub = await WebhookStack.start();
}, 90_000);

afterAll(() => hub.stop());

const newSecret = (): string => `whsec_${randomBytes(32).toString('base64')}`;

function verifies({ body, headers }: Received, secret: string): boolean {
  try {
    new Webhook(secret).verify(body, headers as Record<string, string>);
    return true;
  } catch {
    return false;
  }
}

describe('an endpoint', () => {
  it('that is made is told of the next job, made at another API process, signed with the secret that was shown', async () => {
    const made = await hub.newEndpoint('/first', { description: 'For the billing team' });
    expect(made).toMatchObject({
      ...{ object: 'webhook_endpoint', declared: false, events: ['job.*'], enabled: true, disabled: null },
      ...{ id: expect.stringMatching(/^we_[a-z0-9]{16}$/), description: 'For the billing team' },
      secret: expect.stringMatching(/^whsec_\S{44}$/),
    });
    const jobId = await waitFor(async () => {
      const id = await hub.endedJob('house', 1);
      return (await hub.redis.hget(`{th}:job:${id}`, 'hooks'))?.includes(made.id) && id;
    });
    const [received] = await hub.heard('/first', jobId);
    if (!received) throw new Error('nothing arrived');
    expect([verifies(received, made.secret), verifies(received, newSecret())]).toEqual([true, false]);
    const delivery = await hub.untilDelivery(made.id, jobId, ({ state }) => state === 'delivered');
    expect(delivery).toMatchObject({
      ...{ event: 'job.completed', event_id: received.headers['webhook-id'], endpoint: made.id, error: null },
      tries: [{ status: 204, error: null, duration_ms: expect.any(Number) }],
    });
    expect(await hub.read(made.id)).not.toHaveProperty('secret');
  });

  it('is told only of what it asks for, and of nothing that another project does', async () => {
    await hub.newEndpoint('/failures', { events: ['job.failed'] });
    await hub.newEndpoint('/everything');
    const foreign = await hub.endedJob('other');
    const own = await hub.endedJob();
    await hub.heard('/everything', own);
    expect(hub.receiver.at('/failures')).toEqual([]);
    expect(hub.receiver.at('/everything').some(({ body }) => body.includes(foreign))).toBe(false);
  });

  it('has a secret that was given', async () => {
    const secret = newSecret();
    const made = await hub.newEndpoint('/given', { secret, id: 'given' });
    expect([made.id, made.secret, made.secrets]).toEqual([
      'given',
      secret,
      [expect.objectContaining({ ends_at: null })],
    ]);
    const jobId = await hub.endedJob();
    const [received] = await hub.heard('/given', jobId);
    expect(received && verifies(received, secret)).toBe(true);
  });

  it('with two live secrets signs with both, and with the new one alone when the overlap has ended', async () => {
    const made = await hub.newEndpoint('/rotated');
    const { body: rotated } = await hub.ask('POST', `/${made.id}/rotate`, { body: { overlap_seconds: 3_600 } });
    expect(rotated.secret).not.toBe(made.secret);
    expect(rotated.secrets.map(({ ends_at }) => ends_at === null)).toEqual([true, false]);
    const [both] = await hub.heard('/rotated', await hub.endedJob());
    if (!both) throw new Error('nothing arrived');
    expect(both.headers['webhook-signature']).toMatch(/^v1,\S+ v1,\S+$/);
    expect([verifies(both, made.secret), verifies(both, rotated.secret)]).toEqual([true, true]);
    const { body: last } = await hub.ask('POST', `/${made.id}/rotate`, { body: { overlap_seconds: 0 }, api: 1 });
    expect(last.secrets).toHaveLength(1);
    await waitFor(async () => {
      const [alone] = await hub.heard('/rotated', await hub.endedJob());
      if (!alone || verifies(alone, rotated.secret)) return false;
      return !verifies(alone, made.secret) && verifies(alone, last.secret);
    });
  });

  it('that is disabled gets nothing from new jobs, and is told again when it is enabled', async () => {
    const made = await hub.newEndpoint('/paused');
    await hub.newEndpoint('/beside');
    const { body: disabled } = await hub.ask('PATCH', `/${made.id}`, { body: { enabled: false } });
    expect(disabled).toMatchObject({ enabled: false, disabled: { reason: 'requested', last_error: null } });
    const unheard = await hub.endedJob();
    await hub.heard('/beside', unheard);
    expect(hub.receiver.at('/paused')).toEqual([]);
    expect((await hub.ask('PATCH', `/${made.id}`, { body: { enabled: true } })).body.disabled).toBeNull();
    const heard = await hub.endedJob();
    await hub.heard('/paused', heard);
    expect((await hub.deliveries(made.id)).data.map(({ job }) => job)).toEqual([heard]);
  });

  it('is changed field by field, and goes to its new URL at once', async () => {
    const made = await hub.newEndpoint('/before', { description: 'Old' });
    const body = { url: hub.receiver.url('/after'), description: null, events: ['job.completed', 'job.failed'] };
    const changed = await hub.ask('PATCH', `/${made.id}`, { body });
    expect([changed.status, changed.body]).toMatchObject([200, body]);
    await hub.heard('/after', await hub.endedJob());
    expect(hub.receiver.at('/before')).toEqual([]);
  });

  it('that is deleted is told nothing more and is gone', async () => {
    const made = await hub.newEndpoint('/deleted');
    expect((await hub.ask('DELETE', `/${made.id}`)).status).toBe(204);
    expect((await hub.ask('DELETE', `/${made.id}`)).status).toBe(404);
    await hub.newEndpoint('/witness');
    await hub.heard('/witness', await hub.endedJob());
    expect(hub.receiver.at('/deleted')).toEqual([]);
  });

  it('that the configuration declares is listed, read-only, and can be tested', async () => {
    const { body } = await hub.ask<Page<Endpoint>>('GET', '?limit=100');
    const ids = body.data.map(({ id }) => id);
    expect(ids).toEqual(ids.toSorted());
    expect(body.data.find(({ id }) => id === 'declared')).toMatchObject({ declared: true, enabled: true, secrets: [] });
    for (const [method, path, given] of [
      ['PATCH', '/declared', { enabled: false }],
      ['DELETE', '/declared', undefined],
      ['POST', '/declared/rotate', {}],
      ['POST', '', { id: 'declared', url: hub.receiver.url('/x') }],
    ] as const) {
      expect(await hub.ask(method, path, { body: given })).toMatchObject({ status: 409, body: { code: 'declared' } });
    }
    expect((await hub.ask('POST', '/declared/test')).body).toMatchObject({ delivered: true, status: 204 });
    const [received] = hub.receiver.at('/declared').slice(-1);
    expect(received && verifies(received, DECLARED_SECRET)).toBe(true);
  });

  it('of another project does not exist', async () => {
    const { id } = await hub.newEndpoint('/private', { id: 'private' });
    const jobId = await hub.endedJob();
    const delivery = await hub.untilDelivery(id, jobId, ({ state }) => state === 'delivered');
    for (const [method, path, body] of [
      ['GET', `/${id}`, undefined],
      ['PATCH', `/${id}`, { enabled: false }],
      ['DELETE', `/${id}`, undefined],
      ['POST', `/${id}/rotate`, {}],
      ['POST', `/${id}/test`, undefined],
      ['GET', `/${id}/deliveries`, undefined],
      ['GET', `/${id}/deliveries/${delivery.id}`, undefined],
      ['POST', `/${id}/deliveries/${delivery.id}/redeliver`, undefined],
      ['POST', `/${id}/redeliver`, { from: '2026-01-01', to: '2100-01-01' }],
      ['GET', '/declared', undefined],
    ] as const) {
      const answer = await hub.ask(method, path, { body, as: 'other' });
      expect([method, path, answer.status, answer.body.code]).toEqual([
        method,
        path,
        404,
        'webhook_endpoint_not_found',
      ]);
    }
    expect((await hub.ask<Page<Endpoint>>('GET', '', { as: 'other' })).body.data).toEqual([]);
    const same = await hub.ask('POST', '', { as: 'other', body: { id, url: hub.receiver.url('/theirs') } });
    expect(same.status).toBe(201);
    const theirs = await hub.ask('GET', `/${id}/deliveries/${delivery.id}`, { as: 'other' });
    expect([theirs.status, theirs.body.code]).toEqual([404, 'webhook_delivery_not_found']);
    expect((await hub.read(id)).url).toBe(hub.receiver.url('/private'));
  });
});

it('endpoints are gone with their project: one of the same id that is made later has none', async () => {
  const admin = async (method: string, path: string, body?: Json): Promise<Json> => {
    const headers = { authorization: `Bearer ${ADMIN}` };
    const answer = await ask(`${hub.stack.url}/admin/v1/${path}`, { method, body, headers });
    expect([path, answer.status < 300]).toEqual([path, true]);
    return answer.body;
  };
  const newTenant = async (): Promise<(method: string, body?: Json) => Promise<Json>> => {
    await admin('PUT', 'projects/tenant', {});
    const { secret } = await admin('POST', 'keys', { id: 'tenant-key', project: 'tenant', scopes: ['jobs'] });
    const headers = { authorization: `Bearer ${String(secret)}` };
    return async (method, body) => (await ask(`${hub.stack.url}/v1/webhook-endpoints`, { method, body, headers })).body;
  };
  const first = await newTenant();
  expect(await first('POST', { url: hub.receiver.url('/tenant') })).toMatchObject({ object: 'webhook_endpoint' });
  await admin('DELETE', 'keys/tenant-key');
  await admin('DELETE', 'projects/tenant');
  expect(await hub.redis.hget('{th}:webhook-endpoints', 'content')).not.toContain('/tenant');
  const second = await newTenant();
  expect(await second('GET')).toMatchObject({ data: [] });
});

describe('a test call', () => {
  it('says how the receiver answers, with a signature that holds, also of a disabled endpoint', async () => {
    const { id, secret } = await hub.newEndpoint('/tested', { enabled: false });
    const { status, body } = await hub.ask('POST', `/${id}/test`);
    expect([status, body]).toMatchObject([
      200,
      { delivered: true, status: 204, error: null, event: 'webhook_endpoint.test' },
    ]);
    expect(body.duration_ms).toEqual(expect.any(Number));
    const [received] = hub.receiver.at('/tested');
    expect(received && verifies(received, secret)).toBe(true);
    expect(JSON.parse(received?.body ?? '')).toMatchObject({
      id: body.event_id,
      data: { id, object: 'webhook_endpoint' },
    });
    expect((await hub.deliveries(id)).data).toEqual([]);
  });

  it.each<[string, (path: string) => void, Json]>([
    [
      'fails',
      (path) => hub.receiver.answer(path, (answer) => answer.writeHead(503).end()),
      { status: 503, error: 'http_503' },
    ],
    [
      'wants no more',
      (path) => hub.receiver.answer(path, (answer) => answer.writeHead(410).end()),
      { status: 410, error: 'http_410' },
    ],
    ['breaks off', (path) => hub.receiver.answer(path, (answer) => answer.destroy()), { status: null, error: 'reset' }],
  ])('to a receiver that %s says so, and changes nothing', async (name, arm, outcome) => {
    const path = `/tested-${name.replaceAll(' ', '-')}`;
    arm(path);
    const { id } = await hub.newEndpoint(path);
    expect((await hub.ask('POST', `/${id}/test`)).body).toMatchObject({ delivered: false, ...outcome });
    expect((await hub.read(id)).enabled).toBe(true);
    const again = await hub.ask('POST', `/${id}/test`);
    expect([again.status, again.body.code]).toEqual([429, 'rate_limit_exceeded']);
    expect((await hub.ask('DELETE', `/${id}`)).status).toBe(204);
  });
});

it('the secrets that were shown are nowhere in Redis, in logs or in other answers', async () => {
  expect(hub.shown.length).toBeGreaterThan(10);
  const places = { redis: await everythingIn(hub.stack.redis.url), logs: hub.logs(), answers: hub.answers.join('\n') };
  for (const secret of hub.shown) {
    for (const [place, text] of Object.entries(places)) {
      const bytes = secret.slice('whsec_'.length);
      expect([place, text.includes(bytes), text.includes(Buffer.from(bytes, 'base64').toString('hex'))]).toEqual([
        ...[place, false, false],
      ]);
    }
  }
});
