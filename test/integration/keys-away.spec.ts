import { afterAll, beforeAll, expect, it } from '@jest/globals';
import type { MadeKeys } from '#contracts/key-rules.js';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { KeyRing } from '#registry/key-ring.js';
import { hashOf } from '#registry/key-secret.js';
import { keySnapshots, LiveKeys } from '#registry/live-keys.js';
import { KEY_KIND, madeKeys, PROJECT_KIND, type KeyDefinition } from '#registry/made-keys.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore, type Settings } from '#settings/settings-store.js';
import { startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { StoredKeys } from '../../apps/api/src/admin/keys/stored-keys.js';
import { RedisFixture } from './support/redis-fixture.js';

/* What becomes of a change whose database or Redis is gone right after the commit. */

const fixture = new RedisFixture();
let server: DatabaseServer;
let database: Database;

beforeAll(async () => {
  server = await startDatabase('postgres');
  database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
  await migrate(database.db);
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

const USE = { name: null, disabled: false, allowed_models: null, policy: {}, budget: {} };
const key = (secret: string): KeyDefinition => ({
  ...{ ...USE, project: 'p', scopes: ['chat'], share: 1, limits: {}, expires_at: null },
  secrets: [{ sha256: hashOf(secret), hint: '…', created_at: new Date(0).toISOString(), ends_at: null }],
});
const UNCHECKED = { check: () => undefined, by: { actor: 'token', requestId: null } };

/** Runs `then` right after each commit, before anybody hears of it. */
class InterruptedStore extends SettingsStore {
  then: () => Promise<void> = () => Promise.resolve();

  override async change(...args: Parameters<SettingsStore['change']>): Promise<Settings> {
    const changed = await super.change(...args);
    await this.then();
    return changed;
  }
}

/** A key that one process administers and that both know. */
async function start(id: string) {
  const settings = new InterruptedStore(database.db);
  const rings: KeyRing[] = [];
  const publishers: SettingsPublisher<MadeKeys>[] = [];
  for (let i = 0; i < 2; i++) {
    const redis = fixture.connect();
    const ring = new KeyRing({ projects: [], apiKey: null });
    const live = new LiveKeys({ ring, redis, subscriber: fixture.connect(), onError: fixture.onError });
    const publisher = new SettingsPublisher<MadeKeys>({
      ...{ settings, snapshots: keySnapshots(redis), kinds: [PROJECT_KIND, KEY_KIND], declaredMs: 0 },
      ...{ merge: (documents) => madeKeys(documents, fixture.onError), onError: fixture.onError },
    });
    await publisher.start();
    await live.start();
    fixture.after(async () => {
      live.stop();
      await publisher.stop();
    });
    rings.push(ring);
    publishers.push(publisher);
  }
  const [publisher] = publishers;
  if (!publisher) throw new Error('there is no publisher');
  const stored = new StoredKeys({ settings, publisher });
  await stored.write({ change: 'insert', kind: PROJECT_KIND, id: `p-${id}`, definition: USE }, UNCHECKED);
  const definition = { ...key(`th_${id}`), project: `p-${id}` };
  await stored.write({ change: 'insert', kind: KEY_KIND, id, definition }, UNCHECKED);
  const isKnown = (): boolean[] => rings.map((ring) => ring.find(`th_${id}`) !== null);
  await waitFor(() => isKnown().every(Boolean), { describe: 'the key at both processes' });
  const disable = () => {
    const disabled = { ...definition, disabled: true };
    return stored.write({ change: 'update', kind: KEY_KIND, id, definition: disabled, version: null }, UNCHECKED);
  };
  return { settings, isKnown, disable };
}

const NOT_YET = {
  code: 'store_unavailable',
  message: expect.stringContaining('is saved, and not yet known everywhere'),
};

it('a key that is disabled as the database dies is not answered as disabled, and is when the database is back', async () => {
  const { settings, isKnown, disable } = await start('one');
  settings.then = () => server.kill();
  await expect(disable()).rejects.toMatchObject(NOT_YET);
  expect(isKnown()).toEqual([true, true]);
  settings.then = () => Promise.resolve();
  await server.restart();
  await waitFor(() => isKnown().every((known) => !known), { describe: 'the key to be refused' });
}, 90_000);

it('a key that is disabled while Redis takes no more writes is not answered as disabled, and is when it does', async () => {
  const { settings, isKnown, disable } = await start('two');
  settings.then = async () => {
    await fixture.redis.config('SET', 'maxmemory', '1');
  };
  try {
    await expect(disable()).rejects.toMatchObject(NOT_YET);
    expect(isKnown()).toEqual([true, true]);
  } finally {
    await fixture.redis.config('SET', 'maxmemory', '0');
  }
  await waitFor(() => isKnown().every((known) => !known), { describe: 'the key to be refused' });
}, 90_000);
