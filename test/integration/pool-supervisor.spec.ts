import { expect, it } from '@jest/globals';
import { PoolPauses } from '#limits/pool-pauses.js';
import { waitFor } from '#testing/wait-for.js';
import { PoolSupervisor } from '../../apps/worker/src/pools/pool-supervisor.js';
import { RedisFixture } from './support/redis-fixture.js';
import { silent, ScriptedAdapter, startWorkerRig } from './support/worker-rig.js';

const fixture = new RedisFixture();

/** Fails so often, then never again. */
function failing(times: number): () => Promise<void> {
  let left = times;
  return () => (left-- > 0 ? Promise.reject(new Error('Redis is away')) : Promise.resolve());
}

it('pools that could not be served at once are served a moment later, without another change of the registry', async () => {
  const { registry } = await startWorkerRig(fixture, { adapter: new ScriptedAdapter([]), pools: false });
  const supervisor = new PoolSupervisor({
    ...{ redis: fixture.redis, queues: fixture.queues, pauses: new PoolPauses(fixture.redis), logger: silent },
    pausedQueues: { follow: failing(2), settled: () => Promise.resolve() },
    process: () => Promise.reject(new Error('there is no attempt')),
    ...{ stopRunning: () => undefined, isLockedOut: () => false, served: null, concurrency: 1 },
  });
  fixture.after(() => supervisor.close());
  supervisor.follow(registry.current);
  await supervisor.settled();
  expect(supervisor.pools).toEqual([]);
  await waitFor(() => supervisor.pools.length > 0);
});
