import type { CredentialView, LiveViews } from '#contracts/live-views.js';
import type { Model, Pool, Provider } from '#contracts/registry-snapshot.js';
import type { LimitScope } from '#limits/tickets.js';
import { ProviderError } from '#providers/provider-error.js';
import { contextTokensOf } from '#routing/context-window.js';
import { resolveCredential, type CredentialResult, type CredentialStores } from '#registry/credentials.js';
import type { LiveRegistry } from '#registry/live-registry.js';

/** For a provider that has just left the registry. */
const COOL_DOWN_MS = 30_000;

/** What a worker looks up to call a provider: the registry of the moment, and the secrets that this process can read. */
export class ProviderDirectory {
  constructor(
    private readonly registry: LiveRegistry,
    private readonly stores: CredentialStores,
  ) {}

  model(id: string): Model | undefined {
    return this.registry.current.model(id);
  }

  provider(id: string): Provider | undefined {
    return this.registry.current.provider(id);
  }

  /** The provider that this pool's calls go to; undefined once the pool is gone. */
  providerOfPool(pool: string): string | undefined {
    return this.registry.current.pool(pool)?.provider;
  }

  /** The pool that attempts on this model go to; undefined once the model is gone. */
  poolOf(modelId: string): Pool | undefined {
    const model = this.model(modelId);
    return model && this.registry.current.poolOf(model);
  }

  /** The window of a model as far as this process knows; undefined for one that is no longer registered. */
  contextTokensOf(modelId: string, views: Pick<LiveViews, 'contextTokens'>): number | undefined {
    const model = this.model(modelId);
    return model && contextTokensOf(model, views.contextTokens);
  }

  /** Whose limits a call in this pool counts against; none for a pool that is gone. */
  scopesOfPool(poolId: string): LimitScope[] {
    const pool = this.registry.current.pool(poolId);
    const provider = pool && this.registry.current.provider(pool.provider);
    if (!pool || !provider) return [];
    const ofProvider = { id: provider.id, limits: provider.limits };
    return pool.model === null ? [ofProvider] : [{ id: pool.id, limits: pool.limits }, ofProvider];
  }

  /**
   * How many calls may be in flight at this provider over all its pools; null where it has one pool, whose own limit says it,
   * or no such limit.
   */
  sharedPlaces(providerId: string): number | null {
    const { snapshot } = this.registry.current;
    const provider = this.provider(providerId);
    const concurrency = provider?.limits.concurrency;
    if (!provider || concurrency === undefined) return null;
    const hasOwnPools = snapshot.models.some((model) => model.provider === providerId && model.limits !== null);
    return hasOwnPools ? concurrency * provider.endpoints.length : null;
  }

  /** How long this provider is left alone when it is down, in milliseconds. */
  coolDownMs(providerId: string): number {
    return this.registry.current.provider(providerId)?.timeouts.coolDownMs ?? COOL_DOWN_MS;
  }

  /** The model and its provider; throws a `provider_fault` when either is gone or disabled. */
  place(modelId: string): { model: Model; provider: Provider } {
    const model = this.model(modelId);
    const provider = model && this.registry.current.provider(model.provider);
    if (!model?.enabled || !provider?.enabled) {
      throw new ProviderError('provider_fault', `The model ${modelId} is no longer available.`, {
        code: 'model_unavailable',
        blames: 'nobody',
      });
    }
    return { model, provider };
  }

  /** The secret for this provider, null when it takes none; throws a `provider_fault` when this process cannot read it. */
  credentialOf(provider: Provider): string | null {
    const result = resolveCredential(provider, this.stores);
    if (result.state === 'resolved') return result.secret;
    throw new ProviderError(
      'provider_fault',
      `The credential of provider ${provider.id} is not available: ${result.reason}.`,
      {
        code: `credential_${result.state}`,
        blames: 'nobody',
      },
    );
  }

  /** The providers whose secret this process cannot read. */
  missingCredentials(): CredentialView {
    const missing = this.states().filter(([, state]) => state !== 'resolved');
    return new Map(missing.map(([id, state]) => [id, state === 'unavailable' ? 'vault_locked' : 'credential_missing']));
  }

  /** The providers that this process could call. */
  readableProviders(): string[] {
    return this.states().flatMap(([id, state]) => (state === 'resolved' ? [id] : []));
  }

  /** The providers whose secret lies in the vault, which is closed to this process. */
  lockedOutProviders(): string[] {
    return this.states().flatMap(([id, state]) => (state === 'unavailable' ? [id] : []));
  }

  /** True when the secret of this provider lies in the vault, which is closed to this process at this moment. */
  isLockedOut(providerId: string): boolean {
    const provider = this.provider(providerId);
    return provider !== undefined && resolveCredential(provider, this.stores).state === 'unavailable';
  }

  private states(): [string, CredentialResult['state']][] {
    const { providers } = this.registry.current.snapshot;
    return providers.map((provider) => [provider.id, resolveCredential(provider, this.stores).state]);
  }
}
