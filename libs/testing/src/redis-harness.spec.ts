import { existsSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Redis } from 'ioredis';
import { temporaryFolder } from './reaper.js';
import { type RedisServer, startRedis } from './redis-harness.js';

let server: RedisServer;
let client: Redis;

beforeAll(async () => {
  server = await startRedis();
  client = new Redis(server.url);
});

afterAll(async () => {
  client.disconnect();
  await server.stop();
});

describe('startRedis', () => {
  it('runs with the product’s durability, on the loopback only', async () => {
    const settings = ['appendonly', 'appendfsync', 'maxmemory-policy', 'bind', 'save'];
    const seen = await client.config('GET', ...(settings as [string]));
    expect(seen).toEqual(
      expect.arrayContaining([
        'appendonly',
        'yes',
        'appendfsync',
        'always',
        'maxmemory-policy',
        'noeviction',
        'bind',
        '127.0.0.1',
        'save',
        '',
      ]),
    );
  });

  it('keeps an acknowledged write through SIGKILL and restart', async () => {
    await client.set('kept', 'yes');
    const before = server.pid;
    await server.kill();
    await server.restart();
    expect(server.pid).not.toBe(before);
    expect(await client.get('kept')).toBe('yes');
  });

  it('answers nothing while paused, and goes on afterwards', async () => {
    server.pause();
    let answered = false;
    const reply = client.ping().then((pong) => {
      answered = true;
      return pong;
    });
    const other = new Redis(server.url, { lazyConnect: true, commandTimeout: 100, retryStrategy: () => null });
    other.on('error', () => undefined);
    await expect(other.ping()).rejects.toThrow();
    other.disconnect();
    expect(answered).toBe(false);
    server.resume();
    expect(await reply).toBe('PONG');
  });

  it.each([
    { folder: 'its own', given: false },
    { folder: 'one that was given', given: true },
  ])('deletes $folder when stopped: only if it made it', async ({ given }) => {
    const dir = given ? temporaryFolder('given') : undefined;
    const other = await startRedis({ appendfsync: 'no', dir });
    expect(existsSync(other.dir)).toBe(true);
    await other.stop();
    expect(existsSync(other.dir)).toBe(given);
  });
});
