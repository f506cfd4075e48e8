import type { Candidate, Exclusion, Route } from '#contracts/decision.js';
import { assessModel, exclusionOf, forbiddenTo, type AssessOptions, type Prospect } from './assess-model.js';
import { drawMember } from './draw-member.js';
import { explainRoute } from './explain-route.js';
import type { RegistryIndex } from './registry-index.js';
import { dearestCost, type RequestFeatures } from './request-features.js';
import { scoreModels } from './score-models.js';
import { isRequested, selectModels, type Selection } from './select-models.js';

export interface RouteOptions extends AssessOptions {
  registry: RegistryIndex;
  /** What an alias's draw sticks to, by its `sticky_by`. */
  sticky: { key: string; request: string };
}

/**
 * Puts every model either among the candidates, best first, or among the excluded with the reason. Pure: the same options
 * give the same decision. Throws `model_not_found` for an unknown name; a decision may have no candidate (see
 * `noEligibleModel`).
 */
export function planRoute(options: RouteOptions): Route {
  const { features, policy, registry, exactInputTokens } = options;
  const selection = selectModels({ model: features.model, policy, registry, allowed: options.allowed });
  const { eligible, excluded } = sift(options, selection);
  const lead = leadOf(selection, eligible, options.sticky);
  const ranked = rank(scoreModels(eligible, policy.mode), { lead, order: selection.order });
  const candidates = selection.fallback ? ranked : pinFirst(ranked, { lead, selection, excluded });
  const first = eligible.find((prospect) => prospect.entry.model.id === candidates[0]?.model);
  return {
    mode: policy.mode,
    reason: explainRoute({
      ...{ candidates, excluded, selection, lead, exactInputTokens },
      eligibleCount: eligible.length,
      mode: policy.mode,
    }),
    inputTokens: features.inputTokens,
    outputTokens: first?.outputTokens ?? (features.requestedOutputTokens ?? 0) * features.answers,
    candidates,
    excluded,
    dearestCostNano: dearestOf(candidates, eligible, features),
  };
}

function dearestOf(candidates: readonly Candidate[], eligible: readonly Prospect[], features: RequestFeatures): number {
  const models = new Set(candidates.map(({ model }) => model));
  return eligible.reduce(
    (most, { entry: { model } }) => (models.has(model.id) ? Math.max(most, dearestCost(features, model)) : most),
    0,
  );
}

function sift(options: RouteOptions, selection: Selection): { eligible: Prospect[]; excluded: Exclusion[] } {
  const eligible: Prospect[] = [];
  const excluded: Exclusion[] = [];
  for (const entry of options.registry.models) {
    // Before all else: whatever is said of a model tells that there is one.
    const forbidden = forbiddenTo(options.allowed, entry);
    if (forbidden) {
      excluded.push(forbidden);
      continue;
    }
    if (!isRequested(entry.model.id, selection)) {
      excluded.push(entry.notRequested);
      continue;
    }
    const prospect = assessModel(entry, options);
    const exclusion = exclusionOf(prospect, options);
    if (exclusion) excluded.push(exclusion);
    else eligible.push(prospect);
  }
  return { eligible, excluded };
}

/** The model that comes before all others: the one named, or the one drawn from the alias's eligible members. */
function leadOf(
  { named, alias }: Selection,
  eligible: readonly Prospect[],
  sticky: RouteOptions['sticky'],
): string | null {
  if (!alias) return named;
  const seed = `${alias.alias.id}:${sticky[alias.alias.stickyBy]}`;
  return drawMember(
    seed,
    eligible.map(({ entry }) => [entry.model.id, alias.members.get(entry.model.id) ?? 0] as const),
  );
}

interface Ranking {
  lead: string | null;
  order: ReadonlyMap<string, number> | null;
}

/** Sorts in place: what can be taken now first, then the lead, the client's order, the score, and the id. */
function rank(candidates: Candidate[], ranking: Ranking): Candidate[] {
  return candidates.sort(
    (a, b) => Number(a.temporary !== undefined) - Number(b.temporary !== undefined) || compare(a, b, ranking),
  );
}

function compare(a: Candidate, b: Candidate, { lead, order }: Ranking): number {
  if (a.model === lead) return -1;
  if (b.model === lead) return 1;
  const placed = order ? (order.get(a.model) ?? 0) - (order.get(b.model) ?? 0) : 0;
  return placed || a.score - b.score || (a.model < b.model ? -1 : 1);
}

/**
 * Keeps one candidate and moves the others to `excluded`. A model that the client put first is kept even when it must be
 * waited for; among models chosen by score there is no reason to wait.
 */
function pinFirst(
  ranked: Candidate[],
  pin: { lead: string | null; selection: Selection; excluded: Exclusion[] },
): Candidate[] {
  const ranking = { lead: pin.lead, order: pin.selection.order };
  const chosen = ranking.lead !== null || ranking.order !== null;
  let pinned = ranked[0];
  if (!pinned) return ranked;
  if (chosen)
    for (const candidate of ranked)
      if (candidate !== pinned && compare(candidate, pinned, ranking) < 0) pinned = candidate;
  const detail = `fallback is false, and ${pinned.model} comes first.`;
  for (const { model } of ranked)
    if (model !== pinned.model) pin.excluded.push({ model, reason: 'not_requested', detail });
  return [pinned];
}
