import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Alias, Model } from '#contracts/registry-snapshot.js';
import type { Principal } from '#contracts/scopes.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { nearestNames } from '#routing/nearest-names.js';

/** The registry as OpenAI's list of models; what is disabled, or not the key's to use, is left out. */
export class ModelList {
  private readonly startedAtS = Math.floor(Date.now() / 1_000);

  constructor(private readonly registry: LiveRegistry) {}

  list(principal: Pick<Principal, 'allowedModels'>): object {
    return { object: 'list', data: this.entries(principal) };
  }

  /** Throws `model_not_found`. */
  read(id: string, principal: Pick<Principal, 'allowedModels'>): object {
    const entries = this.entries(principal);
    const found = entries.find((entry) => entry.id === id);
    if (found) return found;
    const near = nearestNames(
      id,
      entries.map((entry) => entry.id),
    );
    const hint = near.length > 0 ? ` Known models: ${near.join(', ')}.` : '';
    throw new TokenhubError('model_not_found', `The model '${id}' does not exist.${hint}`, { param: 'model' });
  }

  private entries({ allowedModels }: Pick<Principal, 'allowedModels'>): { id: string }[] {
    const allowed = allowedModels && new Set(allowedModels);
    const { current } = this.registry;
    const models = current.snapshot.models.filter(
      (model) => model.enabled && current.provider(model.provider)?.enabled === true,
    );
    const entries = [
      ...models.map((model) => this.modelEntry(model)),
      ...current.snapshot.aliases.map((alias) => this.aliasEntry(alias)),
    ];
    return allowed ? entries.filter(({ id }) => allowed.has(id)) : entries;
  }

  private modelEntry(model: Model): { id: string } & Record<string, unknown> {
    return {
      id: model.id,
      object: 'model',
      created: this.startedAtS,
      owned_by: model.provider,
      context_length: model.contextTokens,
      max_model_len: model.contextTokens,
    };
  }

  private aliasEntry(alias: Alias): { id: string } & Record<string, unknown> {
    return { id: alias.id, object: 'model', created: this.startedAtS, owned_by: 'tokenhub' };
  }
}
