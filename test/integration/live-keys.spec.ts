import { createHash } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { sql } from 'kysely';
import { connectDatabase, type Database } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import { KeyRing } from '#registry/key-ring.js';
import { keySnapshots, LiveKeys } from '#registry/live-keys.js';
import { KEY_KIND, madeKeys, PROJECT_KIND, type KeyDefinition } from '#registry/made-keys.js';
import { SettingsPublisher } from '#settings/settings-publisher.js';
import { SettingsStore, type SettingsChange } from '#settings/settings-store.js';
import { startDatabase, type DatabaseServer } from '#testing/postgres-harness.js';
import { waitFor } from '#testing/wait-for.js';
import { RedisFixture } from './support/redis-fixture.js';

/* The keys of two processes, over one Redis and one database; the clock is the tests'. */

const fixture = new RedisFixture();
const AT = Date.UTC(2026, 10, 22);
const HOUR_MS = 3_600_000;

let server: DatabaseServer;
let database: Database;
let settings: SettingsStore;
let now: number;

beforeAll(async () => {
  server = await startDatabase('pglite');
  database = connectDatabase(server.url, { name: 'test', onError: () => undefined });
  await migrate(database.db);
  settings = new SettingsStore(database.db);
}, 60_000);

beforeEach(async () => {
  now = AT;
  await sql`TRUNCATE settings`.execute(database.db);
  const definition = { name: null, disabled: false, allowed_models: null, policy: {}, budget: {} };
  await settings.change([], () => [{ change: 'insert', kind: PROJECT_KIND, id: 'p', definition }], null);
});

afterAll(async () => {
  await database.close();
  await server.stop();
});

/** What an API process has: its ring and its publisher. Without polls it hears only the channel. */
async function startProcess({ pollMs = HOUR_MS, everyMs = HOUR_MS } = {}) {
  const redis = fixture.connect();
  const ring = new KeyRing({ projects: [], apiKey: null }, () => now);
  const subscriber = fixture.connect();
  const live = new LiveKeys({ ring, redis, subscriber, pollMs, onError: fixture.onError });
  const publisher = new SettingsPublisher({
    ...{ settings, snapshots: keySnapshots(redis), kinds: [PROJECT_KIND, KEY_KIND], merge: madeKeys, declaredMs: 0 },
    ...{ everyMs, onError: fixture.onError },
  });
  await publisher.start();
  await live.start();
  fixture.after(async () => {
    live.stop();
    await publisher.stop();
  });
  return { ring, live, publisher, redis, subscriber };
}

const keyOf = (change: Partial<KeyDefinition> = {}): KeyDefinition => ({
  ...{ project: 'p', name: null, disabled: false, allowed_models: null, policy: {}, budget: {} },
  ...{ scopes: ['chat'], share: 1, limits: {}, expires_at: null },
  secrets: [secret('th_one')],
  ...change,
});
const secret = (text: string, endsAtMs: number | null = null) => ({
  ...{ sha256: createHash('sha256').update(text).digest('hex'), hint: '…', created_at: new Date(AT).toISOString() },
  ends_at: endsAtMs === null ? null : new Date(endsAtMs).toISOString(),
});
const insert = (definition: KeyDefinition, id = 'k'): SettingsChange => ({
  ...{ change: 'insert', kind: KEY_KIND, id, definition },
});
const update = (definition: KeyDefinition): SettingsChange => ({
  ...{ change: 'update', kind: KEY_KIND, id: 'k', definition, version: null },
});
const make = (...changes: SettingsChange[]) => settings.change([], () => changes, null);

it('a key that is disabled is refused by two other processes within a second, by the channel alone', async () => {
  const [writer, one, two] = [await startProcess(), await startProcess(), await startProcess()];
  await make(insert(keyOf()));
  await writer.publisher.publish();
  await waitFor(() => one.ring.find('th_one') && two.ring.find('th_one'));
  const since = performance.now();
  await make(update(keyOf({ disabled: true })));
  await writer.publisher.publish();
  await waitFor(() => !one.ring.find('th_one') && !two.ring.find('th_one'), { pauseMs: 2 });
  expect(performance.now() - since).toBeLessThan(1_000);
  expect([one.ring.faultOf('th_one'), two.ring.faultOf('th_one')]).toEqual(['disabled', 'disabled']);
});

it('and within two seconds when the channel is lost', async () => {
  const writer = await startProcess();
  const deaf = await startProcess({ pollMs: 1_000 });
  await make(insert(keyOf()));
  await writer.publisher.publish();
  await waitFor(() => deaf.ring.find('th_one'));
  await deaf.subscriber.unsubscribe();
  const since = performance.now();
  await make(update(keyOf({ disabled: true })));
  await writer.publisher.publish();
  await waitFor(() => !deaf.ring.find('th_one'), { pauseMs: 5 });
  expect(performance.now() - since).toBeLessThan(1_500);
});

it('whoever made a change knows it when the call returns', async () => {
  const { ring, live, publisher } = await startProcess();
  await make(insert(keyOf()));
  await publisher.publish();
  await live.catchUp();
  expect(ring.find('th_one')).toMatchObject({ project: 'p', key: 'k', scopes: ['chat'] });
});

it('both secrets of a rotation work until the overlap ends, then the new one alone, without any message', async () => {
  const [writer, other] = [await startProcess(), await startProcess()];
  await make(insert(keyOf({ secrets: [secret('th_two'), secret('th_one', AT + 60_000)] })));
  await writer.publisher.publish();
  await waitFor(() => other.ring.find('th_two'));
  const known = (at: number): boolean[] => {
    now = at;
    return ['th_one', 'th_two'].map((text) => other.ring.find(text) !== null);
  };
  expect([known(AT + 59_999), known(AT + 60_000), known(AT + 365 * 24 * HOUR_MS)]).toEqual([
    ...[
      [true, true],
      [false, true],
      [false, true],
    ],
  ]);
  expect(other.ring.faultOf('th_one')).toBe('expired');
});

it('a change whose process died before it told anybody is told by another', async () => {
  const one = await startProcess({ everyMs: 50 });
  await make(insert(keyOf()));
  await waitFor(() => one.ring.find('th_one'));
});

it('a Redis that lost the keys has them again as soon as they are published', async () => {
  const one = await startProcess({ pollMs: 20 });
  await make(insert(keyOf()), insert(keyOf({ secrets: [secret('th_other')] }), 'other'));
  await one.publisher.publish();
  await waitFor(() => one.ring.find('th_one'));
  await one.redis.flushall();
  await one.publisher.publish();
  const late = await startProcess();
  expect([late.ring.find('th_one')?.key, late.ring.find('th_other')?.key]).toEqual(['k', 'other']);
  expect(one.ring.find('th_one')?.key).toBe('k');
});

describe('what is published', () => {
  it('has hashes and rules, and nothing else of a key', async () => {
    const { publisher, redis } = await startProcess();
    await make(insert(keyOf({ name: 'Named' })));
    await publisher.publish();
    const content = (await redis.hget('{th}:api-keys', 'content')) ?? '';
    expect(content).toContain(createHash('sha256').update('th_one').digest('hex'));
    for (const word of ['th_one', 'Named', 'hint', 'created_at']) expect(content).not.toContain(word);
  });

  it('is followed with 2,000 keys within a second', async () => {
    const [writer, other] = [await startProcess(), await startProcess()];
    await sql`
      INSERT INTO settings (kind, id, definition, version, created_ms, updated_ms)
      SELECT 'key', 'k' || i, replace(${JSON.stringify(keyOf())}, ${secret('th_one').sha256},
        encode(sha256(('th_' || i)::bytea), 'hex'))::json, 1, 0, 0 FROM generate_series(1, 2000) AS i
    `.execute(database.db);
    await make(insert(keyOf(), 'newest'));
    await writer.publisher.publish();
    await waitFor(() => other.ring.find('th_1999'), { timeoutMs: 20_000 });
    const since = performance.now();
    await make({
      change: 'update',
      kind: KEY_KIND,
      id: 'k5',
      definition: keyOf({ disabled: true, secrets: [secret('th_5')] }),
      version: null,
    });
    await writer.publisher.publish();
    await waitFor(() => !other.ring.find('th_5'), { pauseMs: 2 });
    expect(performance.now() - since).toBeLessThan(1_000);
  }, 60_000);
});
