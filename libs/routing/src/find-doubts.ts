import type { Model, Provider } from '#contracts/registry-snapshot.js';
import { isDoubtful } from './context-window.js';
import { planRoute, type RouteOptions } from './plan-route.js';

/** A model that could take the request if its window is large enough, which the estimate cannot tell. */
export interface Doubt {
  model: Model;
  provider: Provider;
}

/**
 * The models for which an exact count of the input would decide, in the order in which they would be tried if the request
 * fits them. Only those whose provider can be asked; nobody is asked here. Throws `model_not_found`.
 */
export function findDoubts(options: RouteOptions, canBeAsked: (provider: Provider) => boolean): Doubt[] {
  const doubts = new Map<string, Doubt>();
  for (const { model, provider } of options.registry.models) {
    if (provider && isDoubtful(model, options) && canBeAsked(provider)) doubts.set(model.id, { model, provider });
  }
  if (doubts.size === 0) return [];
  // Assuming that the request fits them all leaves every other reason, the order and the pin to the plan.
  const hopeful = planRoute({ ...options, exactInputTokens: new Map([...doubts.keys()].map((id) => [id, 0])) });
  return hopeful.candidates
    .filter(({ temporary }) => temporary !== 'provider_down')
    .flatMap(({ model }) => doubts.get(model) ?? []);
}
