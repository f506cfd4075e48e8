import type { KnownPools } from '#queues/known-pools.js';
import type { Registry } from '#registry/registry.js';

/** The pools whose queues no worker looks at: those of disabled providers, and those that have left the registry. */
export async function unservedPools(registry: Registry, known: KnownPools): Promise<string[]> {
  const pools = registry.pools();
  const gone = await known.gone(pools.map(({ id }) => id));
  const disabled = pools.filter(({ provider }) => registry.provider(provider)?.enabled !== true);
  return [...disabled.map(({ id }) => id), ...gone];
}
