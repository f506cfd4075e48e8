import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
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
function rig({ database = true } = {}) {
  const state = { revision: 7, ids: ['stored'], databaseAway: false, redisAway: false };
  const published: [Content, SnapshotStanding][] = [];
  const onError = jest.fn();
  const document = (id: string) => ({ kind: 'k', id, definition: {}, version: 1, createdMs: 0, updatedMs: 0 });
  const settings = {
    all: (): Promise<Settings> =>
      state.databaseAway
        ? Promise.reject(new Error('the database is away'))
        : Promise.resolve({ documents: state.ids.map(document), revision: state.revision, source: 'db' }),
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
  });
  return { state, published, onError, publisher };
}

const known = (revision: number): SnapshotStanding => ({ source: 'db', revision, declaredMs: 50 });
const unknown: SnapshotStanding = { source: '', revision: 0, declaredMs: 50 };

it('publishes what is declared and set at start, on demand, and by itself', async () => {
  const { state, published, publisher } = rig();
  await publisher.start();
  Object.assign(state, { revision: 8, ids: [] });
  await publisher.publish();
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
  await publisher.publish();
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
