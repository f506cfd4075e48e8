import type { RegistryIndex } from './registry-index.js';

/** What a key may use, where it may not use everything. */
export interface AllowedModels {
  /** Ids of models and aliases that its requests may name. */
  names: ReadonlySet<string>;
  /** Ids of models that routing may pick for it. */
  models: ReadonlySet<string>;
}

/**
 * Reads a key's list: what a request names must be on it; what routing picks may also be a member of an alias on it. So a key that
 * has only an alias can be routed and reviewed, and cannot pass over the alias's weights by naming a member. Null means everything.
 */
export function allowedModels(ids: readonly string[] | null, registry: RegistryIndex): AllowedModels | null {
  if (ids === null) return null;
  const models = ids.flatMap((id) => [...(registry.aliasesById.get(id)?.members.keys() ?? [id])]);
  return { names: new Set(ids), models: new Set(models) };
}
