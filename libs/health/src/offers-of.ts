import type { OfferView } from '#contracts/live-views.js';
import type { RegistrySnapshot } from '#contracts/registry-snapshot.js';

const known = new WeakMap<RegistrySnapshot, OfferView>();

/** What this registry offers; the same snapshot object gives the same view, so it may be called for every decision. */
export function offersOf(snapshot: RegistrySnapshot): OfferView {
  let view = known.get(snapshot);
  if (!view) {
    view = viewOf(snapshot);
    known.set(snapshot, view);
  }
  return view;
}

function viewOf({ providers, models }: RegistrySnapshot): OfferView {
  const providersById = new Map(providers.map((provider) => [provider.id, provider]));
  const modelsById = new Map(models.map((model) => [model.id, model]));
  return (place) => {
    const model = modelsById.get(place.model);
    // The model's own one of this moment, which is the one that will be called.
    const provider = model && providersById.get(model.provider);
    if (!provider) return 'removed';
    return model.enabled && provider.enabled ? null : 'disabled';
  };
}
