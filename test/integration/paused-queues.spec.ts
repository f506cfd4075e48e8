import { EventEmitter, once } from 'node:events';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { AdminPauses } from '#limits/admin-pauses.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { PausedQueues, type PausedQueuesDeps } from '../../apps/worker/src/pools/paused-queues.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
let pauses: AdminPauses;

beforeEach(() => {
  pauses = new AdminPauses(fixture.redis);
});

/** As the admin API does it. */
async function pause(): Promise<void> {
  await pauses.pause('acme', { sinceMs: Date.now(), untilMs: null, reason: 'maintenance', actor: 'token' });
  await fixture.queues.setPaused('acme', true);
}
const isPaused = async (): Promise<boolean> => (await fixture.queues.pausedOf(['acme'])).has('acme');

describe('what follows the pauses of administrators', () => {
  const follower = (deps: Partial<PausedQueuesDeps> = {}): PausedQueues =>
    new PausedQueues({
      ...{ redis: fixture.redis, pauses, queues: fixture.queues, pools: () => ['acme'] },
      refresh: () => Promise.resolve(),
      onError: (error) => {
        throw error;
      },
      ...deps,
    });

  it('does not let go what is paused between its two looks', async () => {
    let looks = 0;
    const afterTheFirst = async <T>(look: Promise<T>): Promise<T> => {
      const seen = await look;
      looks += 1;
      if (looks === 1) await pause();
      return seen;
    };
    const racing = follower({
      pauses: { read: () => afterTheFirst(pauses.read()) },
      queues: {
        pausedOf: (pools) => afterTheFirst(fixture.queues.pausedOf(pools)),
        setPaused: (pool, paused) => fixture.queues.setPaused(pool, paused),
      },
    });
    await racing.follow();
    expect(looks).toBe(2);
    expect(await isPaused()).toBe(true);
  });

  it('closes again what was paused just as it opened it after an earlier pause', async () => {
    await fixture.queues.setPaused('acme', true);
    const told: boolean[] = [];
    const late = follower({
      queues: {
        pausedOf: (pools) => fixture.queues.pausedOf(pools),
        setPaused: async (pool, paused) => {
          if (!paused) await pause();
          told.push(paused);
          await fixture.queues.setPaused(pool, paused);
        },
      },
    });
    await late.follow();
    expect(told).toEqual([false, true]);
    expect(await isPaused()).toBe(true);
  });

  it('has followed and told its process before it is settled, each time that Redis is back', async () => {
    const redis = fixture.connect();
    await redis.ping();
    const refreshed: boolean[] = [];
    const following = follower({ redis, refresh: async () => void refreshed.push(await isPaused()) });
    following.start();
    fixture.after(() => following.stop());
    await following.settled();
    expect(refreshed).toEqual([]);
    await pause();
    const back = once(redis, 'ready');
    await fixture.redis.hdel(keys.poolMeta('acme'), 'paused');
    redis.disconnect(true);
    await back;
    await following.settled();
    expect(refreshed).toEqual([true]);
  });

  it('is not settled before it could look, and ends with its process', async () => {
    const redis = new EventEmitter() as unknown as PausedQueuesDeps['redis'] & EventEmitter;
    const failures: unknown[] = [];
    let isAway = true;
    const following = follower({
      redis,
      pauses: { read: () => (isAway ? Promise.reject(new Error('away')) : pauses.read()) },
      onError: (error) => void failures.push(error),
    });
    following.start();
    redis.emit('ready');
    let isSettled = false;
    const settled = following.settled().then(() => {
      isSettled = true;
    });
    await waitFor(() => failures.length >= 2, { describe: 'a second look' });
    expect(isSettled).toBe(false);
    isAway = false;
    await settled;
    isAway = true;
    redis.emit('ready');
    await following.stop();
    await following.settled();
  });

  it('changes nothing where nothing differs', async () => {
    await pause();
    const before = await fixture.snapshot();
    await follower().follow();
    expect(await fixture.snapshot()).toEqual(before);
  });
});
