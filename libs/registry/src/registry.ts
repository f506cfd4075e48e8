import {
  poolIdOf,
  type Alias,
  type Model,
  type Pool,
  type Provider,
  type RegistrySnapshot,
} from '#contracts/registry-snapshot.js';

/** One version of the registry, indexed once; it never changes, a new version is a new object. */
export class Registry {
  readonly version: number;
  private readonly providersById: ReadonlyMap<string, Provider>;
  private readonly modelsById: ReadonlyMap<string, Model>;
  private readonly aliasesById: ReadonlyMap<string, Alias>;
  private readonly poolsById: ReadonlyMap<string, Pool>;

  constructor(readonly snapshot: RegistrySnapshot) {
    this.version = snapshot.version;
    this.providersById = byId(snapshot.providers);
    this.modelsById = byId(snapshot.models);
    this.aliasesById = byId(snapshot.aliases);
    this.poolsById = byId(poolsOf(snapshot));
  }

  /** A registry that knows nothing, for the time before the first snapshot. */
  static empty(): Registry {
    return new Registry({ version: 0, providers: [], models: [], aliases: [] });
  }

  model(id: string): Model | undefined {
    return this.modelsById.get(id);
  }

  provider(id: string): Provider | undefined {
    return this.providersById.get(id);
  }

  alias(id: string): Alias | undefined {
    return this.aliasesById.get(id);
  }

  /** The pool of this id; undefined once no provider or model has it any more. */
  pool(id: string): Pool | undefined {
    return this.poolsById.get(id);
  }

  /** Every provider's pool, and that of every model with limits of its own; disabled ones too, whose queues may still hold attempts. */
  pools(): Pool[] {
    return [...this.poolsById.values()];
  }

  /** The pool that attempts on this model go to; undefined when the model's provider is not known. */
  poolOf(model: Pick<Model, 'id' | 'provider' | 'limits'>): Pool | undefined {
    return this.poolsById.get(poolIdOf(model));
  }
}

function byId<T extends { id: string }>(items: readonly T[]): Map<string, T> {
  return new Map(items.map((item) => [item.id, item]));
}

function poolsOf({ providers, models }: RegistrySnapshot): Pool[] {
  const shared = providers.map((provider): Pool => ({
    id: provider.id,
    provider: provider.id,
    model: null,
    limits: provider.limits,
  }));
  const own = models.flatMap((model): Pool[] =>
    model.limits ? [{ id: poolIdOf(model), provider: model.provider, model: model.id, limits: model.limits }] : [],
  );
  return [...shared, ...own];
}
