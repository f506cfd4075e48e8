import type { RoutingMode } from './policy.js';

/** Why a model cannot take this job at all. */
export const PERMANENT_REASONS = [
  'disabled',
  'kind',
  'capability',
  'context',
  'weight',
  'budget',
  'latency',
  'limit',
  'not_allowed',
  'not_requested',
] as const;
export type PermanentReason = (typeof PERMANENT_REASONS)[number];

/** Why a model is tried last, or waited for: it cannot take the job at this moment. Of jobs made before it was withdrawn: `disabled`, `removed`. */
export const TEMPORARY_REASONS = [
  'disabled',
  'removed',
  'provider_down',
  'model_unavailable',
  'pool_paused',
  'vault_locked',
  'credential_missing',
] as const;
export type TemporaryReason = (typeof TEMPORARY_REASONS)[number];

/** The score's terms, each already divided by the largest among the eligible and multiplied by the mode's coefficient. */
export interface ScoreTerms {
  cost: number;
  latency: number;
  failure: number;
  weight: number;
}

export interface Candidate {
  model: string;
  provider: string;
  pool: string;
  /** Lower is better. */
  score: number;
  terms: ScoreTerms;
  estimatedCostNano: number;
  /** Present on a candidate that is put last. */
  temporary?: TemporaryReason;
}

export interface Exclusion {
  model: string;
  reason: PermanentReason;
  /** One sentence with the figures that decided, for a person. */
  detail: string;
}

/** A decision that has just been made, with what is not worth keeping of it. */
export interface Route extends Decision {
  /** The most that the call can cost at any of its candidates: what budgets reserve for it. */
  dearestCostNano: number;
}

/** The outcome of routing: kept on the job and shown to its owner. */
export interface Decision {
  mode: RoutingMode;
  reason: string;
  inputTokens: number;
  outputTokens: number;
  candidates: Candidate[];
  excluded: Exclusion[];
}
