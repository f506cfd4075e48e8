import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { Model, RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { connectRedis, type RedisClient } from '#platform/redis.js';
import type { SnapshotContent } from '#registry/build-snapshot.js';
import { registrySnapshots } from '#registry/registry-snapshots.js';
import type { SnapshotStanding, SnapshotStore } from '#registry/snapshot-store.js';
import { startRedis, type RedisServer } from '#testing/redis-harness.js';
import { waitFor } from '#testing/wait-for.js';

const KEY = '{th}:registry';
const CHANNEL = '{th}:registry-changes';

let server: RedisServer;
let clients: RedisClient[];
let following: AbortController;

beforeAll(async () => {
  server = await startRedis({ appendfsync: 'no' });
});

afterAll(async () => {
  await server.stop();
});

beforeEach(async () => {
  clients = [];
  following = new AbortController();
  await connect().flushall();
});

afterEach(() => {
  following.abort();
  for (const client of clients) client.disconnect();
});

function connect(): RedisClient {
  const client = connectRedis({ kind: 'single', url: server.url }, { name: 'test', whenAway: 'wait' });
  // A connection that the test breaks reports it here; what follows from it is asserted.
  client.on('error', () => undefined);
  clients.push(client);
  return client;
}

function newStore(): SnapshotStore<SnapshotContent> {
  return registrySnapshots(connect());
}

/** An hour between polls leaves only the channel; a few milliseconds leave only the polls, once the channel is silent. */
async function follow(store: SnapshotStore<SnapshotContent>, pollMs: number) {
  const seen: RegistrySnapshot[] = [];
  const errors: unknown[] = [];
  const subscriber = connect();
  const options = { subscriber, signal: following.signal, onError: (error: unknown) => errors.push(error), pollMs };
  await store.follow((snapshot) => seen.push(snapshot), options);
  return { seen, errors, subscriber };
}

const contentOf = (...ids: string[]): SnapshotContent => ({
  providers: [],
  models: [],
  aliases: ids.map((id) => ({ id, members: [{ model: 'm', weight: 1 }], stickyBy: 'key' })),
});

const HOUR_MS = 3_600_000;

describe('publishing', () => {
  it('gives other content a later version', async () => {
    const store = newStore();
    expect(await store.read()).toBeNull();
    const { version } = await store.publish(contentOf('a'));
    const later = await store.publish(contentOf('b'));
    expect(later.version).toBeGreaterThan(version);
    expect(await store.read()).toEqual({ version: later.version, ...contentOf('b') });
  });

  it('gives a version after the one that is there, though the clock was set back', async () => {
    const store = newStore();
    await store.publish(contentOf('a'));
    const ahead = Date.now() * 1_000 + 3_600_000_000;
    await connect().hset(KEY, 'version', ahead);
    expect((await store.publish(contentOf('b'))).version).toBe(ahead + 1);
    expect((await store.read())?.version).toBe(ahead + 1);
  });

  it('keeps the version of equal content, whatever the order of its fields', async () => {
    const store = newStore();
    const { version } = await store.publish(contentOf('a'));
    const reordered: SnapshotContent = {
      aliases: [{ stickyBy: 'key', members: [{ weight: 1, model: 'm' }], id: 'a' }],
      models: [],
      providers: [],
    };
    expect((await store.publish(reordered)).version).toBe(version);
  });

  it('by many processes at once counts each change once', async () => {
    const stores = Array.from({ length: 8 }, newStore);
    const published = await Promise.all(stores.map((store) => store.publish(contentOf('same'))));
    expect(new Set(published.map((snapshot) => snapshot.version)).size).toBe(1);
    const versions = (await Promise.all(stores.map((store, i) => store.publish(contentOf(`${i}`))))).map(
      ({ version }) => version,
    );
    expect(new Set(versions).size).toBe(8);
    expect((await newStore().read())?.version).toBe(Math.max(...versions));
  });
});

describe('of several publishers', () => {
  const DB = 'a database';
  const at = (revision: number, declaredMs = 1, source = DB): SnapshotStanding => ({ source, revision, declaredMs });
  const aliasOf = async (): Promise<string | undefined> => (await newStore().read())?.aliases[0]?.id;

  it.each<[string, SnapshotStanding, SnapshotStanding, 'first' | 'second']>([
    ['a newer revision counts', at(5), at(6), 'second'],
    ['an older revision never does', at(6), at(5), 'first'],
    ['not even when its configuration is newer', at(6), at(5, 99), 'first'],
    ['a newer revision counts though its configuration is older', at(5, 99), at(6), 'second'],
    ['at one revision the newer configuration counts', at(5), at(5, 2), 'second'],
    ['and the older does not', at(5, 2), at(5), 'first'],
    ['what one process says twice counts the second time', at(5), at(5), 'second'],
    ['of two databases that of the newer configuration counts', at(9), at(5, 2, 'another'), 'second'],
    ['and the older does not take it back', at(5, 2, 'another'), at(9), 'first'],
    ['anything counts before what could not ask its database', at(0, 99, ''), at(1), 'second'],
    ['which takes nothing back', at(1), at(0, 99, ''), 'first'],
    ['what is set counts before what a process without a database declares', at(0, 99, 'none'), at(5), 'second'],
    ['which never un-registers it', at(5), at(0, 99, 'none'), 'first'],
    ['without a database the newer configuration counts', at(0, 1, 'none'), at(0, 2, 'none'), 'second'],
  ])('%s', async (_case, first, second, expected) => {
    const store = newStore();
    const before = await store.publish(contentOf('first'), first);
    expect(before.counts).toBe(true);
    const counts = expected === 'second';
    const then = await store.publish(contentOf('second'), second);
    expect([then.version > before.version, then.counts]).toEqual([counts, counts]);
    expect(await aliasOf()).toBe(expected);
  });

  it('equal content of a newer revision keeps its version, and an older one cannot replace it any more', async () => {
    const store = newStore();
    const { version } = await store.publish(contentOf('a'), at(5));
    expect(await store.publish(contentOf('a'), at(7))).toEqual({ version, counts: true });
    expect(await store.publish(contentOf('late'), at(6))).toEqual({ version, counts: false });
    expect(await aliasOf()).toBe('a');
  });

  it('an older configuration counts again once nobody has published the newer one for a while', async () => {
    const store = newStore();
    await store.publish(contentOf('newer'), at(5, 2));
    await store.publish(contentOf('newer'), at(5, 1));
    expect((await store.publish(contentOf('older'), at(5, 1))).counts).toBe(false);
    await connect().hincrby(KEY, 'heard', -16_000);
    expect((await store.publish(contentOf('older'), at(5, 1))).counts).toBe(true);
    expect(await aliasOf()).toBe('older');
  });

  it('a process without a database takes over once nobody has published what is set for a while', async () => {
    const store = newStore();
    const bare = at(0, 99, 'none');
    await store.publish(contentOf('set'), at(5));
    await connect().hincrby(KEY, 'heard', -16_000);
    // One whose database is away at its start still speaks for what is set.
    await store.publish(contentOf('declared'), at(0, 99, ''));
    expect((await store.publish(contentOf('bare'), bare)).counts).toBe(false);
    await connect().hincrby(KEY, 'heard', -16_000);
    expect((await store.publish(contentOf('bare'), bare)).counts).toBe(true);
    expect(await aliasOf()).toBe('bare');
  });

  it('what an earlier Tokenhub published without an order is replaced', async () => {
    await connect().hset(KEY, { version: 4, content: '{"providers":[],"models":[],"aliases":[]}' });
    expect((await newStore().publish(contentOf('new'), at(0, 1, 'none'))).counts).toBe(true);
    expect(await aliasOf()).toBe('new');
  });
});

describe('reading', () => {
  it('prices cache writes as input in a snapshot from before they had a price', async () => {
    const price = { inputNano: 2_500, outputNano: 10_000, cachedInputNano: 1_250 };
    const models = [
      { id: 'old', price },
      { id: 'new', price: { ...price, cacheWriteNano: 3_125 } },
    ];
    await newStore().publish({ providers: [], models: models as Model[], aliases: [] });
    expect((await newStore().read())?.models.map((model) => model.price.cacheWriteNano)).toEqual([2_500, 3_125]);
  });
});

describe('following', () => {
  it('begins with what is there', async () => {
    const { version } = await newStore().publish(contentOf('a'));
    const { seen } = await follow(newStore(), HOUR_MS);
    expect(seen).toEqual([{ version, ...contentOf('a') }]);
  });

  it('hears of a new version over the channel, and not of a repeated one', async () => {
    const { seen } = await follow(newStore(), HOUR_MS);
    const publisher = newStore();
    await publisher.publish(contentOf('a'));
    await publisher.publish(contentOf('a'));
    const { version } = await publisher.publish(contentOf('b'));
    await waitFor(() => seen.at(-1)?.version === version, { describe: 'the second version' });
    const versions = seen.map((snapshot) => snapshot.version);
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
  });

  it('finds by itself a version that no message told of', async () => {
    const { seen, subscriber } = await follow(newStore(), 10);
    await subscriber.unsubscribe(CHANNEL);
    const { version } = await newStore().publish(contentOf('a'));
    await waitFor(() => seen.length === 1, { describe: 'the version' });
    expect(seen[0]?.version).toBe(version);
  });

  const declared = (revision: number): SnapshotStanding => ({ source: 'none', revision: 0, declaredMs: revision });

  it('takes over what a stack without a database publishes into a Redis that came up empty, as its first content again', async () => {
    await newStore().publish(contentOf('a'), declared(1));
    const { seen, subscriber } = await follow(newStore(), 10);
    await subscriber.unsubscribe(CHANNEL);
    await connect().flushall();
    // Its first content, as 'a' was: the numbers must differ all the same.
    await newStore().publish(contentOf('b'), declared(2));
    await waitFor(() => seen.at(-1)?.aliases[0]?.id === 'b', { describe: 'the new content' });
  });

  it('takes over what is published at a replica that had not heard of the last version when it took over', async () => {
    const publisher = newStore();
    await publisher.publish(contentOf('a'));
    const before = await connect().hgetall(KEY);
    await publisher.publish(contentOf('lost'));
    const { seen, subscriber } = await follow(newStore(), 10);
    await subscriber.unsubscribe(CHANNEL);
    // In one step, so that nobody sees what was there in between.
    await connect().multi().del(KEY).hset(KEY, before).exec();
    await publisher.publish(contentOf('b'));
    await waitFor(() => seen.at(-1)?.aliases[0]?.id === 'b', { describe: 'the new content' });
  });

  it('reports the first look that fails and goes on', async () => {
    const { seen, errors } = await follow(newStore(), 10);
    const client = connect();
    await client.set(KEY, 'not a hash');
    await waitFor(() => errors.length > 0, { describe: 'the error' });
    await client.del(KEY);
    await newStore().publish(contentOf('a'));
    await waitFor(() => seen.length === 1, { describe: 'the version' });
    expect(errors).toHaveLength(1);
    expect(String(errors[0])).toContain('WRONGTYPE');
  });

  it('survives a broken connection', async () => {
    const { seen } = await follow(newStore(), 10);
    await connect().call('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await connect().call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    const { version } = await newStore().publish(contentOf('a'));
    await waitFor(() => seen.length === 1, { describe: 'the version' });
    expect(seen[0]?.version).toBe(version);
  });

  it('ends with its signal', async () => {
    const { seen } = await follow(newStore(), 10);
    const witness = await follow(newStore(), HOUR_MS);
    following.abort();
    following = new AbortController();
    const later = await follow(newStore(), 10);
    await newStore().publish(contentOf('a'));
    await waitFor(() => later.seen.length === 1, { describe: 'the version at another follower' });
    expect([seen, witness.seen]).toEqual([[], []]);
  });

  it('rejects when the first look fails', async () => {
    await connect().set(KEY, 'not a hash');
    await expect(follow(newStore(), 10)).rejects.toThrow('WRONGTYPE');
  });
});
