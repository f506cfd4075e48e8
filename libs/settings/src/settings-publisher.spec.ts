import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { SnapshotStanding } from '#registry/snapshot-store.js';
import { SettingsPublisher } from './settings-publisher.js';
import type { Settings } from './settings-store.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

interface Content {
  ids: string[];
}

/** A database and a Redis as far as the publisher knows them. */
function rig({ database = true, ...timing }: { database?: boolean; everyMs?: number; lookMs?: number } = {}) {
  const state = { revision: 7, ids: ['stored'], databaseAway: false, redisAway: false, databaseHangs: false, reads: 0 };
  const published: [Content, SnapshotStanding][] = [];
  const onError = jest.fn();
  const document = (id: string) => ({ kind: 'k', id, definition: {}, version: 1, createdMs: 0, updatedMs: 0 });
  const settings = {
    all: (): Promise<Settings> => {
      if (state.databaseAway) return Promise.reject(new Error('the database is away'));
      if (state.databaseHangs) return new Promise(() => undefined);
      state.reads++;
      return Promise.resolve({ documents: state.ids.map(document), revision: state.revision, source: 'db' });
    },
    revision: () =>
      state.databaseAway
        ? Promise.reject(new Error('the database is away'))
        : Promise.resolve({ revision: state.revision, source: 'db' }),
  };
  const snapshots = {
    publish: (content: Content, standing: SnapshotStanding) => {
      if (state.redisAway) return Promise.reject(new Error('Redis is away'));
      published.push([content, standing]);
      return Promise.resolve({ version: 1, counts: true });
    },
  };
  const publisher = new SettingsPublisher<Content>({
    settings: database ? settings : null,
    snapshots,
    kinds: ['k'],
    merge: (documents) => ({ ids: ['declared', ...documents.map(({ id }) => id)] }),
    declaredMs: 50,
    onError,
    everyMs: 1_000,
    lookMs: 1_000,
    ...timing,
  });
  return { state, published, onError, publisher };
}

const known = (revision: number): SnapshotStanding => ({ source: 'db', revision, declaredMs: 50 });
const unknown: SnapshotStanding = { source: '', revision: 0, declaredMs: 50 };

it('publishes what is declared and set at start, on demand, and by itself', async () => {
  const { state, published, publisher } = rig();
  await publisher.start();
  Object.assign(state, { revision: 8, ids: [] });
  await publisher.publish(8);
  Object.assign(state, { revision: 9, ids: ['other'] });
  await jest.advanceTimersByTimeAsync(1_000);
  await publisher.stop();
  await jest.advanceTimersByTimeAsync(5_000);
  expect(published).toStrictEqual([
    [{ ids: ['declared', 'stored'] }, known(7)],
    [{ ids: ['declared'] }, known(8)],
    [{ ids: ['declared', 'other'] }, known(9)],
  ]);
});

it('with the database away at start what is declared stands behind everything that is known, until it is back', async () => {
  const { state, published, publisher, onError } = rig();
  state.databaseAway = true;
  await publisher.start();
  await jest.advanceTimersByTimeAsync(1_000);
  state.databaseAway = false;
  await jest.advanceTimersByTimeAsync(1_000);
  await publisher.stop();
  expect(published.map(([, standing]) => standing)).toStrictEqual([unknown, unknown, known(7)]);
  expect(onError).toHaveBeenCalledTimes(1);
});

it('with the database away later what was read last is published again', async () => {
  const { state, published, publisher } = rig();
  await publisher.start();
  Object.assign(state, { databaseAway: true, revision: 8 });
  await publisher.repair();
  await publisher.stop();
  expect(published[1]).toStrictEqual(published[0]);
});

it('without a database there is what is declared', async () => {
  const { published, publisher } = rig({ database: false });
  await publisher.start();
  await publisher.stop();
  expect(published).toStrictEqual([[{ ids: ['declared'] }, { source: 'none', revision: 0, declaredMs: 50 }]]);
});

it('a Redis that refuses the first publication fails the start; a later one is told of once per outage and tried again', async () => {
  const { state, published, publisher, onError } = rig();
  state.redisAway = true;
  await expect(publisher.start()).rejects.toThrow('Redis is away');
  state.redisAway = false;
  await publisher.start();
  state.redisAway = true;
  await jest.advanceTimersByTimeAsync(3_000);
  expect(onError).toHaveBeenCalledTimes(1);
  state.redisAway = false;
  await jest.advanceTimersByTimeAsync(1_000);
  state.redisAway = true;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(onError).toHaveBeenCalledTimes(2);
  await publisher.stop();
  expect(published).toHaveLength(2);
});

describe('whoever made a change', () => {
  it('is told that it is out, though that took some tries', async () => {
    const { state, published, publisher } = rig({ everyMs: 60_000, lookMs: 60_000 });
    await publisher.start();
    Object.assign(state, { revision: 8, redisAway: true });
    const out = publisher.publish(8);
    await jest.advanceTimersByTimeAsync(500);
    state.redisAway = false;
    await jest.advanceTimersByTimeAsync(200);
    await out;
    expect(published.at(-1)?.[1]).toStrictEqual(known(8));
    await publisher.stop();
  });

  it.each([
    [
      'the database dies right after the commit, and only what was read before can be published',
      { databaseAway: true },
    ],
    ['Redis refuses it', { redisAway: true }],
  ])('is told after a second that it is saved, and not out, when %s', async (_case, change) => {
    const { state, publisher } = rig({ everyMs: 60_000, lookMs: 60_000 });
    await publisher.start();
    Object.assign(state, { revision: 8, ...change });
    const refused = expect(publisher.publish(8)).rejects.toMatchObject({
      code: 'store_unavailable',
      message: expect.stringContaining('is saved, and not yet known everywhere'),
      options: { retryAfterS: 2 },
    });
    await jest.advanceTimersByTimeAsync(1_000);
    await refused;
    await publisher.stop();
  });

  it('is not kept from what the answer alone has, when it is saved and not out', async () => {
    const { state, published, publisher } = rig({ everyMs: 60_000, lookMs: 60_000 });
    await publisher.start();
    Object.assign(state, { revision: 8, redisAway: true });
    let isOver = false;
    const over = publisher.publish(8, { until: 'commit' }).then(() => (isOver = true));
    await jest.advanceTimersByTimeAsync(900);
    expect(isOver).toBe(false);
    await jest.advanceTimersByTimeAsync(100);
    await over;
    expect(published).toHaveLength(1);
    await publisher.stop();
  });

  it('is told so, too, when the database hangs', async () => {
    const { state, publisher } = rig({ everyMs: 60_000, lookMs: 60_000 });
    await publisher.start();
    state.databaseHangs = true;
    const refused = expect(publisher.publish(7)).rejects.toMatchObject({ code: 'store_unavailable' });
    await jest.advanceTimersByTimeAsync(1_000);
    await refused;
    await publisher.stop();
  });
});

it('what a dead process committed and did not publish is found by its revision, long before a repair is due', async () => {
  const { state, published, publisher } = rig({ everyMs: 60_000, lookMs: 400 });
  await publisher.start();
  await jest.advanceTimersByTimeAsync(4_000);
  expect([published.length, state.reads]).toEqual([1, 1]);
  Object.assign(state, { revision: 8, ids: ['theirs'] });
  await jest.advanceTimersByTimeAsync(400);
  expect(published.at(-1)).toStrictEqual([{ ids: ['declared', 'theirs'] }, known(8)]);
  await publisher.stop();
});

it('what Redis refused is published with the next look', async () => {
  const { state, published, publisher } = rig({ everyMs: 60_000, lookMs: 400 });
  await publisher.start();
  Object.assign(state, { revision: 8, redisAway: true });
  await jest.advanceTimersByTimeAsync(400);
  expect(published).toHaveLength(1);
  state.redisAway = false;
  await jest.advanceTimersByTimeAsync(400);
  expect(published.at(-1)?.[1]).toStrictEqual(known(8));
  await publisher.stop();
});
