import { EventEmitter } from 'node:events';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { LiveRegistry } from './live-registry.js';
import type { Registry } from './registry.js';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

/** The few commands that the registry uses, over one value. */
class FakeRedis extends EventEmitter {
  version = 0;
  content = '';
  away = false;
  readonly published: unknown[][] = [];

  defineCommand(name: string): void {
    Object.assign(this, {
      [name]: (...args: unknown[]) => {
        this.published.push(args);
        return Promise.resolve([++this.version, 1]);
      },
    });
  }

  hget(key: string): Promise<string | null> {
    expect(key).toBe(keys.registry());
    if (this.away) return Promise.reject(new Error('Connection is closed.'));
    return Promise.resolve(this.version === 0 ? null : String(this.version));
  }

  hmget(): Promise<(string | null)[]> {
    return Promise.resolve([String(this.version), this.content]);
  }

  subscribe(channel: string): Promise<number> {
    expect(channel).toBe(channels.registry());
    return Promise.resolve(1);
  }

  /** A new version, as another process publishes it. */
  declare(version: number, provider: string): void {
    this.version = version;
    this.content = JSON.stringify({ providers: [{ id: provider, limits: {} }], models: [], aliases: [] });
  }
}

function live(): { redis: FakeRedis; registry: LiveRegistry; onError: ReturnType<typeof jest.fn> } {
  const redis = new FakeRedis();
  const onError = jest.fn();
  const client = redis as unknown as RedisClient;
  return { redis, registry: new LiveRegistry({ redis: client, subscriber: client, onError }), onError };
}

const seenBy = (registry: LiveRegistry): number[] => {
  const seen: number[] = [];
  registry.onChange((change) => seen.push(change.version));
  return seen;
};

it('knows nothing before the first version, and tells nobody', async () => {
  const { registry } = live();
  const seen = seenBy(registry);
  await registry.start();
  expect(registry.current.version).toBe(0);
  expect(registry.current.pools()).toStrictEqual([]);
  expect(seen).toStrictEqual([]);
  registry.stop();
});

it('once started, has the newest version, and a listener hears of it at once', async () => {
  const { redis, registry } = live();
  redis.declare(3, 'a');
  const before = seenBy(registry);
  await registry.start();
  expect(registry.current.provider('a')).toMatchObject({ id: 'a' });
  expect([before, seenBy(registry)]).toStrictEqual([[3], [3]]);
  registry.stop();
});

describe('a later version', () => {
  it.each<[string, (redis: FakeRedis) => void]>([
    ['is heard of by message', (redis) => redis.emit('message', channels.registry(), '4')],
    ['is found within a second when the message was lost', () => jest.advanceTimersByTime(1_000)],
  ])('%s, once', async (_name, happen) => {
    const { redis, registry } = live();
    redis.declare(3, 'a');
    await registry.start();
    const seen = seenBy(registry);
    const old: Registry = registry.current;
    redis.declare(4, 'b');
    happen(redis);
    await jest.advanceTimersByTimeAsync(3_000);
    expect(seen).toStrictEqual([3, 4]);
    expect(registry.current.provider('b')).toBeDefined();
    expect(old.provider('b')).toBeUndefined();
    registry.stop();
  });

  it('with a lower number counts too: a Redis that lost its data starts anew', async () => {
    const { redis, registry } = live();
    redis.declare(9, 'a');
    await registry.start();
    redis.declare(1, 'b');
    await jest.advanceTimersByTimeAsync(1_000);
    expect(registry.current).toMatchObject({ version: 1 });
    registry.stop();
  });
});

it('while Redis is away the last version serves, and the next look finds the new one', async () => {
  const { redis, registry, onError } = live();
  redis.declare(3, 'a');
  await registry.start();
  redis.away = true;
  await jest.advanceTimersByTimeAsync(1_000);
  expect(onError).toHaveBeenCalledWith(expect.objectContaining({ message: 'Connection is closed.' }));
  expect(registry.current.version).toBe(3);
  redis.away = false;
  redis.declare(4, 'a');
  await jest.advanceTimersByTimeAsync(1_000);
  expect(registry.current.version).toBe(4);
  registry.stop();
});

it('a start without Redis fails, and follows no further', async () => {
  const { redis, registry } = live();
  redis.away = true;
  await expect(registry.start()).rejects.toThrow('Connection is closed.');
  expect(jest.getTimerCount()).toBe(0);
});

it('stopped, it follows no further', async () => {
  const { redis, registry } = live();
  redis.declare(3, 'a');
  await registry.start();
  registry.stop();
  redis.declare(4, 'a');
  redis.emit('message', channels.registry(), '4');
  await jest.advanceTimersByTimeAsync(5_000);
  expect(registry.current.version).toBe(3);
  expect(jest.getTimerCount()).toBe(0);
});

it('publishing hands over the content without its order of fields, and the channel to tell', async () => {
  const { redis, registry } = live();
  await registry.publish({ providers: [], models: [], aliases: [] });
  expect(redis.published).toStrictEqual([
    [1, keys.registry(), '{"aliases":[],"models":[],"providers":[]}', channels.registry(), 'none', 0, 0, 15_000],
  ]);
});
