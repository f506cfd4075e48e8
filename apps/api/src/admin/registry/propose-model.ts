import type { Model, Provider } from '#contracts/registry-snapshot.js';
import { builtInModel } from '#platform/config/add-built-ins.js';
import type { ListedModel } from '#providers/list-models.js';
import type { Registry } from '#registry/registry.js';

/** What a provider has, and how it could be set. */
export interface Proposal {
  upstream_model: string;
  /** Ids of the models that are registered for it already. */
  registered: string[];
  /** Ready to be sent to `POST /admin/v1/models`. */
  proposal: Record<string, unknown>;
  /** Fields that nobody told: their defaults are no facts. */
  unknown: string[];
}

/** How this model of a provider could be set. */
export function proposeModel(listed: ListedModel, provider: Provider, registry: Registry): Proposal {
  const known = builtInModel(provider.type, listed.id);
  const { contextTokens } = listed;
  const proposal = {
    ...known,
    ...{ id: freeId(listed.id, provider, registry), provider: provider.id, upstream_model: listed.id },
    ...(contextTokens !== null && { context_tokens: contextTokens }),
  };
  const facts = ['price', 'context_tokens', 'max_output_tokens', 'capabilities', 'kinds', 'weight'];
  return {
    upstream_model: listed.id,
    registered: registry.snapshot.models.filter((model) => isSame(model, listed, provider)).map(({ id }) => id),
    proposal,
    unknown: known ? [] : facts.filter((field) => !(field in proposal)),
  };
}

function isSame({ provider, upstreamModel }: Model, listed: ListedModel, { id }: Provider): boolean {
  return provider === id && upstreamModel === listed.id;
}

/** The provider's own name for it where that is an id and free, else with the provider's id before it. */
function freeId(name: string, provider: Provider, registry: Registry): string {
  const id = name.replace(/[^A-Za-z0-9._:/@+-]/g, '-').replace(/^[^A-Za-z0-9]+/, '');
  const longest = 199 - provider.id.length;
  const taken = registry.model(id) ?? registry.alias(id);
  return id === '' || taken || id.length > 200 ? `${provider.id}/${id.slice(0, longest)}` : id;
}
