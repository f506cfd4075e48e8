import type { KnownPools } from '#queues/known-pools.js';
import type { Registry } from '#registry/registry.js';

/**
 * The pools whose queues no worker looks at: those of disabled providers, those whose secret lies in a vault that is closed to everybody,
 * and those that have left the registry. None before a registry is known.
 */
export async function unservedPools(registry: Registry, known: KnownPools, vaultClosed: boolean): Promise<string[]> {
  if (registry.version === 0) return [];
  const pools = registry.pools();
  const gone = await known.gone(pools.map(({ id }) => id));
  const unserved = pools.filter(({ provider: id }) => {
    const provider = registry.provider(id);
    return provider?.enabled !== true || (vaultClosed && provider.credential.source === 'escrow');
  });
  return [...unserved.map(({ id }) => id), ...gone];
}
