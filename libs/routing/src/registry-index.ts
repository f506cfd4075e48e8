import type { Exclusion } from '#contracts/decision.js';
import {
  poolIdOf,
  type Alias,
  type Model,
  type Provider,
  type RegistrySnapshot,
} from '#contracts/registry-snapshot.js';

/** A model with what routing looks up for it on every request. */
export interface RoutableModel {
  readonly model: Model;
  /** Undefined when the model names a provider that is not registered. */
  readonly provider: Provider | undefined;
  readonly pool: string;
  /** Shared by all decisions: most models of a request that names one are left out in this way. */
  readonly notRequested: Exclusion;
}

export interface RoutableAlias {
  readonly alias: Alias;
  /** Weight by model id. */
  readonly members: ReadonlyMap<string, number>;
}

/** A registry snapshot, arranged for look-ups. */
export interface RegistryIndex {
  readonly models: readonly RoutableModel[];
  readonly modelsById: ReadonlyMap<string, RoutableModel>;
  readonly aliasesById: ReadonlyMap<string, RoutableAlias>;
}

const indexes = new WeakMap<RegistrySnapshot, RegistryIndex>();

/** Arranges a snapshot for routing; the same snapshot object gives the same index, so it may be called for every request. */
export function indexRegistry(snapshot: RegistrySnapshot): RegistryIndex {
  let index = indexes.get(snapshot);
  if (!index) {
    index = buildIndex(snapshot);
    indexes.set(snapshot, index);
  }
  return index;
}

function buildIndex(snapshot: RegistrySnapshot): RegistryIndex {
  const providers = new Map(snapshot.providers.map((provider) => [provider.id, provider]));
  const models = snapshot.models.map((model) => ({
    model,
    provider: providers.get(model.provider),
    pool: poolIdOf(model),
    notRequested: Object.freeze<Exclusion>({
      model: model.id,
      reason: 'not_requested',
      detail: 'The request asks for other models.',
    }),
  }));
  const aliases = snapshot.aliases.map((alias) => ({
    alias,
    members: new Map(alias.members.map((member) => [member.model, member.weight])),
  }));
  return {
    models,
    modelsById: new Map(models.map((entry) => [entry.model.id, entry])),
    aliasesById: new Map(aliases.map((entry) => [entry.alias.id, entry])),
  };
}
