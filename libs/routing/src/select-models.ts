import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Policy } from '#contracts/policy.js';
import type { AllowedModels } from './allowed-models.js';
import { nearestNames } from './nearest-names.js';
import type { RegistryIndex, RoutableAlias } from './registry-index.js';

const SHOWN_NAME_LENGTH = 100;

/** Which models a request asks for, by its `model` and `policy.models`. */
export interface Selection {
  /** Set when `model` is a model id. */
  named: string | null;
  /** Set when `model` is an alias. */
  alias: RoutableAlias | null;
  /** Place by model id in `policy.models`; null when it restricts nothing. */
  order: ReadonlyMap<string, number> | null;
  fallback: boolean;
}

export interface SelectOptions {
  model: string | null;
  policy: Policy;
  registry: RegistryIndex;
  /** For its key, names outside of it do not exist; null means all names. */
  allowed: AllowedModels | null;
}

/**
 * Reads what `model` means: routed (absent, `auto`, `*`), an alias, or a model id; an alias hides a model of the same id.
 * Throws `model_not_found` for a name that is neither or not the key's to use, also in `policy.models`.
 */
export function selectModels(options: SelectOptions): Selection {
  const { model, policy, registry } = options;
  const order = policy.models && orderOf(policy.models, options);
  if (model === null || model === '' || model === 'auto' || model === '*') {
    return { named: null, alias: null, order, fallback: policy.fallback ?? true };
  }
  if (!mayName(model, options)) throw modelNotFound(model, 'model', options);
  const alias = registry.aliasesById.get(model) ?? null;
  if (alias) return { named: null, alias, order, fallback: policy.fallback ?? true };
  if (!registry.modelsById.has(model)) throw modelNotFound(model, 'model', options);
  return { named: model, alias: null, order, fallback: policy.fallback ?? false };
}

/** True when the selection lets this model take the request. */
export function isRequested(model: string, { named, alias, order, fallback }: Selection): boolean {
  if (named !== null && !fallback && model !== named) return false;
  if (alias && !alias.members.has(model)) return false;
  return !order || order.has(model);
}

function orderOf(models: readonly string[], options: SelectOptions): Map<string, number> {
  const order = new Map<string, number>();
  for (const [place, model] of models.entries()) {
    if (!options.registry.modelsById.has(model) || !mayName(model, options))
      throw modelNotFound(model, 'policy.models', options);
    if (!order.has(model)) order.set(model, place);
  }
  return order;
}

function mayName(name: string, { allowed }: SelectOptions): boolean {
  return allowed === null || allowed.names.has(name);
}

/** The same words for a name that does not exist and one that is not the key's: what others may use is not given away. */
function modelNotFound(name: string, param: string, options: SelectOptions): TokenhubError {
  const { registry, allowed } = options;
  const known = [...registry.modelsById.keys(), ...registry.aliasesById.keys()];
  const hints = nearestNames(
    name,
    known.filter((id) => mayName(id, options)),
  );
  const whose = allowed === null ? '' : ' that this key may use';
  const hint = hints.length > 0 ? `; did you mean ${hints.join(', ')}?` : '.';
  return new TokenhubError(
    'model_not_found',
    `There is no model or alias ${JSON.stringify(name.slice(0, SHOWN_NAME_LENGTH))}${whose}${hint}`,
    { param },
  );
}
