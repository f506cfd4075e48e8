import type { JsonObject } from '#contracts/json.js';
import type { Verdict } from '#contracts/orchestration.js';

/**
 * The artifacts of an orchestration as its job shows them. `response` is the chat completion that answers the client. In
 * a job that ended early, what was not made is null or missing from its list.
 */
export type OrchestrationResult = PlanningResult | AdversarialResult | VoteResult | RefineResult;

export interface PlanningResult {
  mode: 'planning';
  plan: string | null;
  response: JsonObject | null;
}

export interface AdversarialResult {
  mode: 'adversarial';
  initial_plan: string | null;
  /** Of the last round; null where only the plan was asked for. */
  critique: string | null;
  /** The newest refinement; the plan itself where its first critic approved. Null where nothing was refined. */
  refined_plan: string | null;
  rounds: CritiqueRound[];
  response: JsonObject | null;
}

export interface CritiqueRound {
  round: number;
  critique: string;
  approved: boolean;
  critic: Author;
  /** Null where the critic approved, or the job ended before. */
  refined_plan: string | null;
}

export interface VoteResult {
  mode: 'vote';
  /** Of the candidates that answered. */
  responses: { candidate: string; model: string; provider: string; content: string; selected: boolean }[];
  /** The place in `responses` of the candidate that the judge chose; null when no verdict could be read. */
  selected: number | null;
  judge: (Author & { verdict: Verdict['kind']; named: string[]; reason: string }) | null;
  failed: { candidate: string; code: string }[];
  response: JsonObject | null;
}

export interface RefineResult {
  mode: 'refine';
  initial_response: string | null;
  /** The newest improvement; the answer itself where its first review approved. */
  refined_response: string | null;
  /** Reviews that were made. */
  iterations: number;
  /** Who wrote the newest answer. */
  model: string | null;
  rounds: ReviewRound[];
  response: JsonObject | null;
}

export interface ReviewRound {
  round: number;
  review: string;
  approved: boolean;
  /** Null where the review approved, or the job ended before. */
  refined_response: string | null;
}

export interface Author {
  model: string;
  provider: string;
}
