import { describe, expect, it } from '@jest/globals';
import { waitFor } from '#testing/wait-for.js';
import { AdminSessions, type SessionTimes } from '../../apps/api/src/auth/admin-sessions.js';
import { AdminToken } from '../../apps/api/src/auth/admin-token.js';
import { BearerThrottle } from '../../apps/api/src/auth/bearer-throttle.js';
import { SignInThrottle } from '../../apps/api/src/auth/sign-in-throttle.js';
import { RedisFixture } from './support/redis-fixture.js';

const fixture = new RedisFixture();
const HOUR = 3_600_000;

function sessions(times: SessionTimes = { idleMs: HOUR, absoluteMs: HOUR }, adminToken = 'a-token'): AdminSessions {
  return new AdminSessions({ redis: fixture.connect(), token: new AdminToken({ adminToken, stateDir: '' }), times });
}

const used = { used: true };
const unused = { used: false };

describe('a session of the admin page', () => {
  it('is known to every process that has the same token', async () => {
    const { id, session } = await sessions().open();
    expect(await sessions().find(id, used)).toStrictEqual(session);
  });

  it('ends with the token that it was opened with', async () => {
    const { id } = await sessions().open();
    expect(await sessions(undefined, 'another-token').find(id, used)).toBeNull();
  });

  it('ends when it is not used for its idle time', async () => {
    const store = sessions({ idleMs: 80, absoluteMs: HOUR });
    const { id } = await store.open();
    await waitFor(async () => (await store.find(id, unused)) === null, { pauseMs: 10 });
    expect(await store.find(id, used)).toBeNull();
    expect(await fixture.redis.keys('{th}:admin-session:*')).toStrictEqual([]);
  });

  it('lives on while it is used, and not by what its page asks by itself', async () => {
    const store = sessions({ idleMs: HOUR, absoluteMs: 2 * HOUR });
    const { id } = await store.open();
    const [key = ''] = await fixture.redis.keys('{th}:admin-session:*');
    await fixture.redis.pexpire(key, 1_000);
    await store.find(id, unused);
    expect(await fixture.redis.pttl(key)).toBeLessThanOrEqual(1_000);
    await store.find(id, used);
    expect(await fixture.redis.pttl(key)).toBeGreaterThan(HOUR - 10_000);
  });

  it('ends at last, however much it is used', async () => {
    const store = sessions({ idleMs: HOUR, absoluteMs: 100 });
    const { id } = await store.open();
    await waitFor(async () => (await store.find(id, used)) === null, { pauseMs: 10 });
    expect(await fixture.redis.keys('{th}:admin-session:*')).toStrictEqual([]);
  });

  it('that is closed cannot be brought back by a use at the same time', async () => {
    const [here, there] = [sessions(), sessions()];
    for (let round = 0; round < 50; round += 1) {
      const { id } = await here.open();
      await Promise.all([here.find(id, used), there.close(id), here.find(id, used), there.find(id, used)]);
      expect(await here.find(id, used)).toBeNull();
    }
  });

  it('has 256 random bits, and another CSRF token each time', async () => {
    const store = sessions();
    const opened = await Promise.all(Array.from({ length: 20 }, () => store.open()));
    const texts = opened.flatMap(({ id, session }) => [id, session.csrfToken]);
    expect(new Set(texts).size).toBe(40);
    for (const text of texts) expect(Buffer.from(text, 'base64url')).toHaveLength(32);
  });
});

describe('signing in', () => {
  const throttle = (windowS = 900): SignInThrottle =>
    new SignInThrottle(fixture.connect(), { perAddress: 3, overall: 5, windowS });
  const refused = { code: 'rate_limit_exceeded', status: 429, options: { retryAfterS: expect.any(Number) } };

  it('is counted by address, of IPv6 by the block of a subscriber', async () => {
    const each = throttle();
    for (const address of ['2001:db8::1', '2001:db8::2', '2001:db8::3']) await each.count(address);
    await expect(each.count('2001:db8::4')).rejects.toMatchObject(refused);
    await each.count('2001:db8:0:1::1');
  });

  it('of strangers is bounded in all, and an address from which somebody signed in is none', async () => {
    const each = throttle();
    await each.count('192.0.2.1');
    await each.forgive('192.0.2.1');
    for (const last of [10, 11, 12, 13, 14]) await each.count(`192.0.2.${last}`);
    await expect(each.count('192.0.2.15')).rejects.toMatchObject(refused);
    await each.count('192.0.2.1');
    await expect(each.count('192.0.2.16')).rejects.toMatchObject(refused);
  });

  it('is open again when the window has ended', async () => {
    const each = throttle(1);
    for (let i = 0; i < 3; i += 1) await each.count('192.0.2.1');
    await expect(each.count('192.0.2.1')).rejects.toMatchObject({ ...refused, options: { retryAfterS: 1 } });
    await waitFor(
      () =>
        each.count('192.0.2.1').then(
          () => true,
          () => false,
        ),
      { pauseMs: 50 },
    );
  });

  it('every count ends by itself: nothing is left behind for ever', async () => {
    const each = throttle();
    await each.count('192.0.2.1');
    await each.forgive('192.0.2.1');
    await each.count('192.0.2.2');
    const left = await fixture.redis.keys('{th}:admin-*');
    expect(left.length).toBeGreaterThan(1);
    for (const key of left) expect([key, (await fixture.redis.pttl(key)) > 0]).toStrictEqual([key, true]);
  });
});

describe('a wrong token as Bearer', () => {
  it('shuts its address out after too many, at every process that hears of one more, and no other address', async () => {
    const [here, there] = [new BearerThrottle(fixture.connect(), 4), new BearerThrottle(fixture.connect(), 4)];
    for (const throttle of [here, there, here, there]) await throttle.count('192.0.2.1');
    here.assertOpen('192.0.2.1');
    const refused = { code: 'rate_limit_exceeded' };
    await expect(here.count('192.0.2.1')).rejects.toMatchObject(refused);
    expect(() => here.assertOpen('192.0.2.1')).toThrow(expect.objectContaining(refused));
    await expect(there.count('192.0.2.1')).rejects.toMatchObject(refused);
    expect(() => there.assertOpen('192.0.2.1')).toThrow(expect.objectContaining(refused));
    here.assertOpen('192.0.2.2');
    await here.count('192.0.2.2');
  });

  it('is counted by the process itself while Redis is away', async () => {
    const redis = fixture.connect();
    const throttle = new BearerThrottle(redis, 2);
    redis.disconnect();
    await throttle.count('192.0.2.1');
    await throttle.count('192.0.2.1');
    await expect(throttle.count('192.0.2.1')).rejects.toMatchObject({ code: 'rate_limit_exceeded' });
  });
});
