import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { HookTarget, MadeEndpoint } from '#contracts/webhook.js';
import type { WebhookProject } from '#platform/config/config.js';
import { keys } from '#platform/keys.js';
import type { RetryLater } from '#queues/webhook-worker.js';
import type { SettingsStore } from '#settings/settings-store.js';
import { FixedCipher } from '#testing/fixed-cipher.js';
import { waitFor } from '#testing/wait-for.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { MOST_AT_ONCE, MOST_OF_A_PROJECT } from '../../apps/worker/src/webhooks/endpoint-slots.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { SECRET, WebhookRig, type RigOptions } from './support/webhook-rig.js';

/* Deliveries that cannot be sent now: nobody waits for somebody else's receiver, and nobody waits for ever. */

const DAY_MS = 86_400_000;
const BACKLOG = 60;

const fixture = new RedisFixture();

let receiver: WebhookReceiver;
let projects: WebhookProject[];
let hanging: ServerResponse[];

beforeEach(async () => {
  receiver = await WebhookReceiver.start();
  hanging = [];
  receiver.answer('/slow', (response) => void hanging.push(response));
  projects = [project('default', [endpoint('hook', '/slow'), endpoint('other', '/slow'), endpoint('quick', '/quick')])];
});

afterEach(() => receiver.stop());

/** Answers what hangs, and hangs no more: before those who wait for an answer are closed. */
function letGo(): void {
  receiver.answer('/slow', (response) => response.writeHead(204).end());
  for (const response of hanging.splice(0)) response.writeHead(204).end();
}

const secret = { source: 'env', name: 'S' } as const;
const endpoint = (id: string, path: string) => ({ id, url: receiver.url(path), secret, events: ['job.*'] as const });
const project = (id: string, webhookEndpoints: WebhookProject['webhookEndpoints']): WebhookProject => ({
  ...{ id, webhookSecret: secret, webhookEndpoints },
});
const rigWith = (options: RigOptions = {}): WebhookRig => new WebhookRig(fixture, { projects, ...options });
const to = (endpoint: string): HookTarget => ({ endpoint, url: null, events: ['job.*'] });

/** Takes every slot of an endpoint that never answers; resolves when all are taken. */
async function fill(rig: WebhookRig, deliver: ReturnType<WebhookRig['deliver']>, endpoint: string): Promise<void> {
  fixture.after(letGo);
  const before = receiver.at('/slow').length;
  for (let n = 0; n < MOST_AT_ONCE; n++) {
    const { id } = await rig.accepted(to(endpoint));
    void deliver.run({ deliveryId: id }).catch(fixture.onError);
  }
  await receiver.until('/slow', before + MOST_AT_ONCE);
}

/** How long a delivery is put off. */
async function delayOf(run: Promise<void>): Promise<number> {
  return run.then(
    () => Promise.reject(new Error('it was not put off')),
    (error: unknown) => (error as RetryLater).delayMs,
  );
}

describe('a delivery that finds no place', () => {
  it('looks again within seconds, however many wait for another receiver', async () => {
    const rig = rigWith();
    const deliver = rig.deliver();
    await fill(rig, deliver, 'hook');
    await fill(rig, deliver, 'other');
    const { id: waiting } = await rig.accepted(to('hook'));
    for (let n = 0; n < BACKLOG; n++) await delayOf(deliver.run({ deliveryId: waiting }));
    const { id: behind } = await rig.accepted(to('hook'));
    expect(await delayOf(deliver.run({ deliveryId: behind }))).toBeGreaterThan(2_000);
    const { id } = await rig.accepted(to('other'));
    expect(await delayOf(deliver.run({ deliveryId: id }))).toBe(2_000);
  });

  it('says so, also when it waited for the vault before', async () => {
    let isLocked = true;
    const rig = rigWith({ made: [madeTo('/slow')], isLocked: () => isLocked });
    const deliver = rig.deliver();
    const { id } = await rig.accepted(to('made'));
    await delayOf(deliver.run({ deliveryId: id }));
    expect((await rig.known(id)).heldBy).toBe('vault');
    isLocked = false;
    await fill(rig, deliver, 'made');
    await delayOf(deliver.run({ deliveryId: id }));
    expect(await rig.known(id)).toMatchObject({ status: 'pending', attempts: 0, heldBy: 'receiver' });
  });

  it('of a project whose receivers all hang leaves places for another project', async () => {
    const slow = Array.from({ length: 12 }, (_, n) => endpoint(`slow-${n}`, '/slow'));
    const rig = rigWith({ projects: [project('first', slow), project('second', [endpoint('quick', '/quick')])] });
    const end = async (owner: string, name: string): Promise<void> => {
      const job = newJob({ project: owner, hooks: [to(name)] });
      await fixture.store.create(job);
      await fixture.store.cancel(job.id);
    };
    // More than a worker sends at once.
    for (let n = 0; n < 110; n++) await end('first', `slow-${n % slow.length}`);
    await rig.startRole('worker-1');
    fixture.after(letGo);
    await receiver.until('/slow', MOST_OF_A_PROJECT);
    await end('second', 'quick');
    await receiver.until('/quick', 1);
    expect(receiver.at('/slow')).toHaveLength(MOST_OF_A_PROJECT);
  });
});

describe('a delivery that waits', () => {
  it('for the vault is not behind those that wait for a receiver', async () => {
    const rig = rigWith({ made: [madeTo('/quick')], isLocked: () => true });
    const deliver = rig.deliver();
    await fill(rig, deliver, 'hook');
    const { id: waiting } = await rig.accepted(to('hook'));
    for (let n = 0; n < BACKLOG; n++) await delayOf(deliver.run({ deliveryId: waiting }));
    const { id } = await rig.accepted(to('made'));
    expect(await delayOf(deliver.run({ deliveryId: id }))).toBe(2_000);
  });

  it('for a day ends with its reason, among the dead, and can be redelivered', async () => {
    let isLocked = true;
    const rig = rigWith({ made: [madeTo('/quick')], isLocked: () => isLocked });
    const deliver = rig.deliver();
    const { id } = await rig.accepted(to('made'));
    await delayOf(deliver.run({ deliveryId: id }));
    const since = Number(await fixture.redis.hget(keys.webhookDelivery(id), 'held_since'));
    await fixture.redis.hset(keys.webhookDelivery(id), 'held_since', since - DAY_MS + 60_000);
    await delayOf(deliver.run({ deliveryId: id }));
    await fixture.redis.hset(keys.webhookDelivery(id), 'held_since', since - DAY_MS);
    await deliver.run({ deliveryId: id });
    expect(await rig.known(id)).toMatchObject({ status: 'dead', reason: 'vault_locked', attempts: 0, tries: [] });
    expect(await fixture.redis.lrange(keys.webhooksDead(), 0, '-1')).toMatchObject([expect.stringContaining(id)]);
    expect(await rig.deliveries.redeliver(await rig.known(id))).toBe('started');
    await delayOf(deliver.run({ deliveryId: id, round: 2 }));
    isLocked = false;
    await deliver.run({ deliveryId: id, round: 2 });
    expect(await rig.known(id)).toMatchObject({ status: 'delivered', heldBy: null });
    expect(await fixture.redis.hexists(keys.webhookDelivery(id), 'held_since')).toBe(0);
  });

  it('writes nothing once it has ended, or was begun anew', async () => {
    const rig = rigWith();
    const delivery = await rig.accepted(to('quick'));
    expect(await rig.deliveries.held(delivery, 'vault')).toBe(0);
    expect(await rig.deliveries.held({ ...delivery, round: 2 }, 'vault')).toBeNull();
    await fixture.redis.del(keys.webhookDelivery(delivery.id));
    expect(await rig.deliveries.held(delivery, 'vault')).toBeNull();
    expect(await fixture.redis.exists(keys.webhookDelivery(delivery.id))).toBe(0);
  });
});

it('while the database hangs, deliveries to a disabled endpoint end at once: one stores what is missing', async () => {
  const database = Promise.withResolvers<undefined>();
  let changes = 0;
  const change = async (): Promise<never> => {
    changes += 1;
    await database.promise;
    throw new Error('the database is away');
  };
  const made = madeTo('/quick');
  const rig = rigWith({ made: [made], settings: { change } as unknown as SettingsStore });
  const { url } = made;
  await rig.marks.set(
    { project: 'default', endpoint: 'made' },
    { url, reason: 'http_410', at: Date.now(), lastError: 'http_410' },
  );
  const ids = await Promise.all(Array.from({ length: 20 }, async () => (await rig.accepted(to('made'))).id));
  const deliver = rig.deliver();
  const runs = ids.map(async (deliveryId) => deliver.run({ deliveryId }));
  const isOver = async (id: string): Promise<boolean> => (await rig.known(id)).status === 'dead';
  await waitFor(async () => (await Promise.all(ids.map(isOver))).every(Boolean));
  // Nineteen have let go of their places; the twentieth waits.
  await Promise.race(runs);
  expect(changes).toBe(1);
  database.resolve(undefined);
  await Promise.all(runs);
  await rig.disabler.store(made, { reason: 'http_410', at: Date.now(), lastError: null });
  expect(changes).toBe(2);
});

/** An endpoint that was made over the API, with a secret under the vault. */
function madeTo(path: string): MadeEndpoint {
  const name = 'webhook-endpoint/default/made/1';
  const sealed = new FixedCipher().seal(name, SECRET);
  return {
    ...{ project: 'default', id: 'made', url: receiver.url(path), events: ['job.*'], enabled: true, armedAtMs: 0 },
    secrets: [{ name, sealed, endsAtMs: null }],
  };
}
