import type { Candidate, ScoreTerms } from '#contracts/decision.js';
import type { RoutingMode } from '#contracts/policy.js';
import type { Prospect } from './assess-model.js';

/** How much each term weighs, by mode; every row adds up to one. */
export const COEFFICIENTS: Readonly<Record<RoutingMode, Readonly<ScoreTerms>>> = {
  cheap: { cost: 0.7, latency: 0.1, failure: 0.1, weight: 0.1 },
  normal: { cost: 0.25, latency: 0.25, failure: 0.25, weight: 0.25 },
  high_confidence: { cost: 0.05, latency: 0.1, failure: 0.15, weight: 0.7 },
  planning: { cost: 0.1, latency: 0.1, failure: 0.2, weight: 0.6 },
  adversarial: { cost: 0.1, latency: 0.1, failure: 0.2, weight: 0.6 },
};

/**
 * Turns the eligible models into scored candidates, in the order given. Each term is divided by the largest among those
 * that can be taken now (among all when none can): the wait of a paused pool or the failures of a dead provider would
 * otherwise make the differences between the others vanish.
 */
export function scoreModels(prospects: readonly Prospect[], mode: RoutingMode): Candidate[] {
  const largest = { cost: 0, latency: 0, failure: 0, weight: 0 };
  const anyOpen = prospects.some((prospect) => prospect.temporary === null);
  for (const prospect of prospects) {
    if (anyOpen && prospect.temporary !== null) continue;
    largest.cost = Math.max(largest.cost, prospect.costNano);
    largest.latency = Math.max(largest.latency, prospect.latencyMs + prospect.waitMs);
    largest.failure = Math.max(largest.failure, prospect.failureRate);
    largest.weight = Math.max(largest.weight, prospect.entry.model.weight);
  }
  return prospects.map((prospect) => toCandidate(prospect, COEFFICIENTS[mode], largest));
}

function toCandidate(prospect: Prospect, coefficients: ScoreTerms, largest: ScoreTerms): Candidate {
  const { model, pool } = prospect.entry;
  const terms: ScoreTerms = {
    cost: coefficients.cost * share(prospect.costNano, largest.cost),
    latency: coefficients.latency * share(prospect.latencyMs + prospect.waitMs, largest.latency),
    failure: coefficients.failure * share(prospect.failureRate, largest.failure),
    weight: coefficients.weight * share(model.weight, largest.weight),
  };
  const candidate: Candidate = {
    model: model.id,
    provider: model.provider,
    pool,
    score: terms.cost + terms.latency + terms.failure - terms.weight,
    terms,
    estimatedCostNano: prospect.costNano,
  };
  if (prospect.temporary) candidate.temporary = prospect.temporary;
  return candidate;
}

function share(value: number, largest: number): number {
  return largest === 0 ? 0 : value / largest;
}
