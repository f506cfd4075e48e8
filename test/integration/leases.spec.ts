import { beforeEach, describe, expect, it } from '@jest/globals';
import { Leases } from '#limits/leases.js';
import { keys } from '#platform/keys.js';
import { newJob } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { model, provider, registryContent } from './support/registry-content.js';
import { answers } from './support/turns.js';
import { ended, ScriptedAdapter, startWorkerRig, submit } from './support/worker-rig.js';

const fixture = new RedisFixture();
let leases: Leases;

beforeEach(() => {
  leases = new Leases(fixture.redis, fixture.onError);
});

describe('the places of a provider', () => {
  it('are as many as there are, whoever asks at once', async () => {
    const taken = await Promise.all(Array.from({ length: 20 }, (_, i) => leases.take('acme', 3, `call-${i}`)));
    const held = taken.filter((lease) => lease !== null);
    expect(held).toHaveLength(3);
    await held[0]?.release();
    expect(await leases.take('acme', 3, 'next').then((lease) => lease?.release())).toBeUndefined();
    for (const lease of held) await lease.release();
    expect(await fixture.redis.zcard(keys.leases('acme'))).toBe(0);
  });

  it('of a holder that died are free again after a while', async () => {
    await fixture.redis.zadd(keys.leases('acme'), Date.now() - 1, 'dead');
    const lease = await leases.take('acme', 1, 'living');
    expect(lease).not.toBeNull();
    await lease?.release();
  });

  it('are kept over all pools of the provider, and given back whatever becomes of the call', async () => {
    const adapter = new ScriptedAdapter([
      async (call) => {
        await new Promise((resolve) => setImmediate(resolve));
        return answers('x')(call);
      },
    ]);
    const own = model('own', { provider: 'acme', limits: { concurrency: 5 } });
    const content = registryContent({
      providers: [provider('acme', { limits: { concurrency: 2 } })],
      models: [model('small'), own],
    });
    await startWorkerRig(fixture, { adapter, content });
    const jobs = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        submit(
          fixture,
          newJob({
            plan: {
              candidates: [
                i % 2 === 0
                  ? { model: 'small', provider: 'acme', pool: 'acme' }
                  : { model: 'own', provider: 'acme', pool: 'acme/own' },
              ],
            },
          }),
        ),
      ),
    );
    for (const job of jobs) expect((await ended(fixture, job)).state).toBe('completed');
    expect(adapter.mostInFlight).toBeLessThanOrEqual(2);
    expect(await fixture.redis.zcard(keys.leases('acme'))).toBe(0);
  });
});
