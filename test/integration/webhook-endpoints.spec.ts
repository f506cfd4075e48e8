import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import type { HookTarget } from '#contracts/webhook.js';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { keys } from '#platform/keys.js';
import { OutboundPolicy } from '#platform/network/outbound-policy.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore } from '#settings/settings-store.js';
import { FixedCipher } from '#testing/fixed-cipher.js';
import { DATABASE_KINDS, startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { WebhookReceiver } from '#testing/webhook-receiver.js';
import { ENDPOINT_KIND, madeEndpoints } from '#webhooks/endpoint-definition.js';
import { EndpointMarks } from '#webhooks/endpoint-marks.js';
import { endpointSnapshots, LiveEndpoints } from '#webhooks/live-endpoints.js';
import { ChangeTurns } from '../../apps/api/src/webhooks/change-turns.js';
import { EndpointDesk } from '../../apps/api/src/webhooks/endpoint-desk.js';
import { MOST_ENDPOINTS, StoredEndpoints } from '../../apps/api/src/webhooks/stored-endpoints.js';
import { FEWEST_FAILURES } from '../../apps/worker/src/webhooks/endpoint-disabler.js';
import { RedisFixture } from './support/redis-fixture.js';
import { DISABLE_MS, WebhookRig } from './support/webhook-rig.js';

/* Endpoints over the API: how they are stored, known by other processes, and disabled by workers. */

const HOUR_MS = 3_600_000;
const PROJECT = 'default';

describe.each(DATABASE_KINDS)('webhook endpoints over %s', (kind) => {
  const fixture = new RedisFixture();
  let server: DatabaseServer;
  let database: Database;
  let settings: SettingsStore;
  let receiver: WebhookReceiver;

  beforeAll(async () => {
    server = await startDatabase(kind);
    database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
    await migrate(database.db);
    settings = new SettingsStore(database.db);
  });

  beforeEach(async () => {
    await sql`TRUNCATE settings`.execute(database.db);
    receiver = await WebhookReceiver.start();
  });

  afterEach(() => receiver.stop());

  afterAll(async () => {
    await database.close();
    await server.stop();
  });

  /** What an API process has. Without polls it hears only the channel. */
  async function startProcess({ isLocked = () => false }: { isLocked?: () => boolean } = {}) {
    const redis = fixture.connect();
    const live = new LiveEndpoints({ redis, subscriber: fixture.connect(), pollMs: HOUR_MS, onError: fixture.onError });
    const snapshots = endpointSnapshots(redis);
    const publisher = new SettingsPublisher({
      snapshots: {
        publish: async (content, standing) => {
          const published = await snapshots.publish(content, standing);
          await live.catchUp();
          return published;
        },
      },
      ...{ settings, kinds: [ENDPOINT_KIND], merge: madeEndpoints },
      ...{ declaredMs: 0, everyMs: HOUR_MS, onError: fixture.onError },
    });
    await live.start();
    await publisher.start();
    fixture.after(async () => {
      live.stop();
      await publisher.stop();
    });
    const stored = new StoredEndpoints({ settings, publisher, turns: new ChangeTurns(redis) });
    const desk = new EndpointDesk({
      ...{ projects: [], stored, marks: new EndpointMarks(redis), cipher: new FixedCipher(isLocked) },
      ...{ policy: new OutboundPolicy(['127.0.0.1']), now: Date.now, onError: fixture.onError },
    });
    return { live, publisher, desk };
  }

  const body = (path = '/made', more: object = {}) => ({ url: receiver.url(path), ...more });

  it('that are made, changed and deleted are known to another process, by the channel alone', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    const { id } = await one.desk.create(PROJECT, body());
    expect(one.live.find(PROJECT, id)?.url).toBe(receiver.url('/made'));
    const since = performance.now();
    await waitFor(() => two.live.find(PROJECT, id), { pauseMs: 2 });
    await one.desk.patch(PROJECT, id, { enabled: false });
    await waitFor(() => two.live.find(PROJECT, id)?.enabled === false, { pauseMs: 2 });
    await one.desk.delete(PROJECT, id);
    await waitFor(() => two.live.find(PROJECT, id) === null, { pauseMs: 2 });
    // A second is meant; this is for a busy machine.
    expect(performance.now() - since).toBeLessThan(20_000);
    expect(two.live.of(PROJECT)).toEqual([]);
  });

  it('have their secrets sealed in Redis and in the database, under a name of their own', async () => {
    const { desk, live } = await startProcess();
    const made = await desk.create(PROJECT, body('/made', { id: 'one' }));
    const { secret: next } = await desk.rotate(PROJECT, 'one', { overlap_seconds: 60 });
    const stored = JSON.stringify((await settings.all([ENDPOINT_KIND])).documents);
    const published = (await fixture.redis.hget(keys.webhookEndpoints(), 'content')) ?? '';
    for (const secret of [made.secret, next] as string[]) {
      for (const text of [stored, published]) expect(text).not.toContain(secret.slice(6, 30));
    }
    const [newest, older] = live.find(PROJECT, 'one')?.secrets ?? [];
    if (!newest || !older) throw new Error('there are two secrets');
    expect([newest.name, older.name]).toEqual(['webhook-endpoint/default/one/2', 'webhook-endpoint/default/one/1']);
    const cipher = new FixedCipher();
    expect([cipher.open(newest.name, newest.sealed), cipher.open(older.name, older.sealed)]).toEqual([
      next,
      made.secret,
    ]);
    expect(() => cipher.open(newest.name, older.sealed)).toThrow();
  });

  it('sign with every secret that a receiver may have, five at most, until all but the newest are ended', async () => {
    const { desk, live } = await startProcess();
    await desk.create(PROJECT, body('/made', { id: 'one' }));
    for (let n = 0; n < 3; n++) await desk.rotate(PROJECT, 'one', { overlap_seconds: 60 });
    expect(live.find(PROJECT, 'one')?.secrets.map(({ name }) => name.at(-1))).toEqual(['4', '3', '2', '1']);
    await desk.rotate(PROJECT, 'one', { overlap_seconds: 60 });
    const more = desk.rotate(PROJECT, 'one', { overlap_seconds: 60 });
    await expect(more).rejects.toMatchObject({ code: 'too_many_secrets' });
    await desk.rotate(PROJECT, 'one', { overlap_seconds: 0 });
    expect(live.find(PROJECT, 'one')?.secrets.map(({ name }) => name.at(-1))).toEqual(['6']);
  });

  it(`are ${MOST_ENDPOINTS} in a project at most, also when many are made at once`, async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    const each = Array.from({ length: MOST_ENDPOINTS + 5 }, (_, n) => (n % 2 ? one : two).desk.create(PROJECT, body()));
    const outcomes = await Promise.allSettled(each);
    const refused = outcomes.filter(({ status }) => status === 'rejected');
    expect(refused).toHaveLength(5);
    expect(refused[0]).toMatchObject({ reason: { code: 'too_many_endpoints' } });
    expect(await one.desk.list(PROJECT)).toHaveLength(MOST_ENDPOINTS);
    await expect(one.desk.create('other', body())).resolves.toMatchObject({ enabled: true });
  });

  it('of projects whose names begin alike are told apart', async () => {
    const { desk } = await startProcess();
    for (const project of ['a', 'a-b', 'a.b', 'ab']) await desk.create(project, body('/made', { id: `of-${project}` }));
    expect((await desk.list('a')).map(({ id }) => id)).toEqual(['of-a']);
    expect((await desk.list('a.b')).map(({ id }) => id)).toEqual(['of-a.b']);
    await expect(desk.read('a', 'of-ab')).rejects.toMatchObject({ code: 'webhook_endpoint_not_found' });
  });

  it('changed by many at once lose no change', async () => {
    const [one, two] = [await startProcess(), await startProcess()];
    await one.desk.create(PROJECT, body('/made', { id: 'one' }));
    await Promise.all([
      one.desk.patch(PROJECT, 'one', { description: 'D' }),
      two.desk.patch(PROJECT, 'one', { events: ['job.failed'] }),
      one.desk.rotate(PROJECT, 'one', {}),
      two.desk.patch(PROJECT, 'one', { url: receiver.url('/other') }),
    ]);
    expect(await one.desk.read(PROJECT, 'one')).toMatchObject({
      ...{ description: 'D', events: ['job.failed'], url: receiver.url('/other'), secrets: { length: 2 } },
    });
  });

  it('while the vault is locked are not made, and nothing is left of the attempt', async () => {
    const { desk } = await startProcess({ isLocked: () => true });
    await expect(desk.create(PROJECT, body())).rejects.toMatchObject({ code: 'vault_locked' });
    expect(await desk.list(PROJECT)).toEqual([]);
  });

  describe('and a worker', () => {
    async function setUp(options: { away?: boolean } = {}) {
      const api = await startProcess();
      const { id, secret } = await api.desk.create(PROJECT, body('/made', { id: 'made' }));
      const store = options.away ? gone() : settings;
      const rig = new WebhookRig(fixture, { settings: store, publish: () => api.publisher.repair() });
      await rig.made.start();
      fixture.after(() => rig.made.stop());
      const target: HookTarget = { endpoint: id, url: null, events: ['job.*'] };
      return { api, rig, secret, target };
    }

    function gone(): SettingsStore {
      const away = connectDatabase('postgres://postgres@127.0.0.1:1/none', { name: 'test', onError: () => undefined });
      fixture.after(() => away.close());
      return new SettingsStore(away.db);
    }

    const disabledOf = async (api: Awaited<ReturnType<typeof startProcess>>) =>
      (await api.desk.read(PROJECT, 'made')).disabled;

    it('that is told 410 disables it everywhere, and its owner sees why', async () => {
      const { api, rig, target } = await setUp();
      receiver.answer('/made', (response) => response.writeHead(410).end());
      await rig.deliver().run({ deliveryId: (await rig.accepted(target)).id });
      await waitFor(() => api.live.find(PROJECT, 'made')?.enabled === false);
      expect(await disabledOf(api)).toMatchObject({ reason: 'http_410', last_error: 'http_410' });
      const next = await rig.accepted(target);
      await rig.deliver().run({ deliveryId: next.id });
      expect(await rig.known(next.id)).toMatchObject({ status: 'dead', reason: 'endpoint_disabled', tries: [] });
      expect(receiver.at('/made')).toHaveLength(1);
      await api.desk.patch(PROJECT, 'made', { enabled: true });
      receiver.answer('/made', (response) => response.writeHead(204).end());
      const last = await rig.accepted(target);
      await rig.deliver().run({ deliveryId: last.id });
      expect(await rig.known(last.id)).toMatchObject({ status: 'delivered' });
    });

    it('disables it by its mark alone while the database is away, and stores it with the next delivery', async () => {
      const { api, rig, target } = await setUp({ away: true });
      receiver.answer('/made', (response) => response.writeHead(410).end());
      await rig.deliver().run({ deliveryId: (await rig.accepted(target)).id });
      expect((await settings.read(ENDPOINT_KIND, 'default/made'))?.definition).toMatchObject({ disabled: null });
      expect(await disabledOf(api)).toMatchObject({ reason: 'http_410' });
      const back = new WebhookRig(fixture, { settings, publish: () => api.publisher.repair() });
      await back.made.start();
      fixture.after(() => back.made.stop());
      const next = await back.accepted(target);
      await back.deliver().run({ deliveryId: next.id });
      expect(await back.known(next.id)).toMatchObject({ status: 'dead', reason: 'endpoint_disabled' });
      const stored = (await settings.read(ENDPOINT_KIND, 'default/made'))?.definition;
      expect(stored).toMatchObject({ disabled: { reason: 'http_410' } });
      expect(receiver.at('/made')).toHaveLength(1);
    });

    it('never undoes that it was enabled, or moved, meanwhile', async () => {
      const { api, rig } = await setUp();
      const made = rig.made.find(PROJECT, 'made');
      if (!made) throw new Error('it is known');
      const mark = { reason: 'failing', at: Date.now() - 1_000, lastError: 'http_500' } as const;
      await rig.disabler.store(made, mark);
      expect(await disabledOf(api)).toBeNull();
      await api.desk.patch(PROJECT, 'made', { url: receiver.url('/moved') });
      await rig.disabler.store(made, { ...mark, at: Date.now() + 1_000 });
      expect(await disabledOf(api)).toBeNull();
    });

    it.each<[string, number, number, boolean]>([
      ['long, but seldom', DISABLE_MS + 1, FEWEST_FAILURES - 1, false],
      ['often, but not for long', DISABLE_MS - 60_000, FEWEST_FAILURES * 10, false],
      ['long and often', DISABLE_MS + 1, FEWEST_FAILURES, true],
    ])('sees it fail %s', async (_case, sinceMs, tries, isDisabled) => {
      const { api, rig } = await setUp();
      const made = rig.made.find(PROJECT, 'made');
      if (!made) throw new Error('it is known');
      const old = { ...made, armedAtMs: 0 };
      const failing = { sinceMs: Date.now() - sinceMs, tries, lastError: 'http_500' };
      await rig.disabler.disableFailing(old, failing);
      expect((await disabledOf(api)) !== null).toBe(isDisabled);
    });

    it('counts a success as a new beginning', async () => {
      const { rig, target } = await setUp();
      receiver.answer('/made', (response, n) => response.writeHead(n === 3 ? 204 : 500).end());
      const failures = () => fixture.redis.hget(keys.webhookFailures(PROJECT, 'made'), 'tries');
      for (const expected of ['1', '2', null, '1']) {
        const { id } = await rig.accepted(target);
        await rig
          .deliver()
          .run({ deliveryId: id })
          .catch(() => null);
        expect(await failures()).toBe(expected);
      }
    });

    it('waits without a try while the vault is locked, and goes on when it opens', async () => {
      const { rig, target } = await setUp();
      let locked = true;
      const closed = new WebhookRig(fixture, { isLocked: () => locked });
      await closed.made.start();
      fixture.after(() => closed.made.stop());
      const { id } = await rig.accepted(target);
      await expect(closed.deliver().run({ deliveryId: id })).rejects.toMatchObject({ name: 'RetryLater' });
      expect(await rig.known(id)).toMatchObject({ status: 'pending', attempts: 0, heldBy: 'vault', tries: [] });
      expect(await fixture.redis.exists(keys.webhookFailures(PROJECT, 'made'))).toBe(0);
      locked = false;
      await closed.deliver().run({ deliveryId: id });
      expect(await rig.known(id)).toMatchObject({ status: 'delivered', heldBy: null, tries: { length: 1 } });
    });

    it('gives up what was on its way to one that is deleted', async () => {
      const { api, rig, target } = await setUp();
      const { id } = await rig.accepted(target);
      await api.desk.delete(PROJECT, 'made');
      await rig.deliver().run({ deliveryId: id });
      expect(await rig.known(id)).toMatchObject({ status: 'dead', reason: 'endpoint_removed', tries: [] });
    });

    it('a run of an earlier round, or after the end, writes nothing', async () => {
      const { rig, target } = await setUp();
      const { id } = await rig.accepted(target);
      await rig.deliver().run({ deliveryId: id });
      expect(await rig.deliveries.redeliver(await rig.known(id))).toBe('started');
      expect(await rig.deliveries.redeliver(await rig.known(id))).toBe('pending');
      await rig.deliver().run({ deliveryId: id });
      expect(receiver.at('/made')).toHaveLength(1);
      const report = { attempt: 1, made: null, httpStatus: 500, reason: 'x', nextAt: null, receiverFailed: true };
      expect(await rig.deliveries.dead({ ...(await rig.known(id)), round: 1 }, report)).toBeNull();
      await rig.deliver().run({ deliveryId: id, round: 2 });
      expect(await rig.known(id)).toMatchObject({ status: 'delivered', round: 2, tries: { length: 2 } });
    });
  });
});
