import { randomUUID } from 'node:crypto';
import { KnownPools } from '#queues/known-pools.js';
import { moveWaiting } from '../../../apps/worker/src/reconciler/move-waiting.js';
import { unservedPools } from '../../../apps/worker/src/reconciler/unserved-pools.js';
import type { RedisFixture } from './redis-fixture.js';
import type { WorkerRig } from './worker-rig.js';

/** The reconciler's look at what waits in pools that are paused, disabled or gone; answers how many attempts left their queue. */
export function movePass(
  fixture: RedisFixture,
  { registry, views, runAttempt }: WorkerRig,
  cursors = new Map<string, number>(),
): Promise<number> {
  const known = new KnownPools(fixture.redis);
  return moveWaiting({
    ...{ unfinished: fixture.unfinished, queues: fixture.queues, views, cursors, onError: fixture.onError },
    pools: () => registry.current.pools().map(({ id }) => id),
    unserved: () => unservedPools(registry.current, known, false),
    poolOf: (id) => {
      const found = registry.current.model(id);
      return found && registry.current.poolOf(found);
    },
    contextTokensOf: (id) => registry.current.model(id)?.contextTokens,
    run: (payload, waiting) =>
      runAttempt.run(payload, { ...waiting, run: randomUUID(), lockLost: new AbortController().signal }),
  });
}
