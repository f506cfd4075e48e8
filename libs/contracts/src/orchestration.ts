import type { JsonObject } from './json.js';

/** How models work together on one request. */
export const ORCHESTRATION_MODES = ['planning', 'adversarial', 'vote', 'refine'] as const;
export type OrchestrationMode = (typeof ORCHESTRATION_MODES)[number];

export const MOST_ITERATIONS = 10;
export const LEAST_VOTERS = 2;
export const MOST_VOTERS = 10;

/** What a client asks of an orchestration, with the defaults of `defaultOrchestration` filled in. */
export interface OrchestrationSpec {
  mode: OrchestrationMode;
  /** Rounds of criticism; 1 for modes that have none. */
  iterations: number;
  /** Candidates of a vote. */
  voters: number;
  /** Comes before all weights; who plans, answers, refines. Null: chosen by routing. */
  primaryModelId: string | null;
  /** Who criticises or judges. */
  reviewModelId: string | null;
  primaryMinWeight: number;
  reviewMinWeight: number;
  /** Adversarial: ends with the first plan. */
  returnPlanOnly: boolean;
}

const DEFAULT_ITERATIONS: Record<OrchestrationMode, number> = { planning: 1, adversarial: 1, vote: 1, refine: 2 };

/** An orchestration of this mode of which nothing else is asked. */
export function defaultOrchestration(mode: OrchestrationMode): OrchestrationSpec {
  return {
    mode,
    iterations: DEFAULT_ITERATIONS[mode],
    voters: 3,
    primaryModelId: null,
    reviewModelId: null,
    primaryMinWeight: 0,
    reviewMinWeight: 0,
    returnPlanOnly: false,
  };
}

export const OUTPUT_FORMATS = ['json', 'markdown', 'text', 'xml'] as const;
export type OutputFormat = (typeof OUTPUT_FORMATS)[number];

/** What the final text must be. */
export interface OutputSpec {
  /** Null leaves the text as the model wrote it. */
  format: OutputFormat | null;
  /** JSON Schema (draft-07 or 2020-12) that the answer must satisfy; only with format `json`. */
  schema: JsonObject | null;
  /** Takes out what a model wrote while thinking aloud (`<think>…</think>`). */
  stripThink: boolean;
}

/** An output of which nothing is asked. */
export const DEFAULT_OUTPUT: OutputSpec = { format: null, schema: null, stripThink: false };

/**
 * The roles of a graph. `answer` is the one call of planning and of chats with an output to be checked, and the first of
 * refine; `review` and `improve` are a model's look at its own answer.
 */
export const STEP_NAMES = ['answer', 'plan', 'critique', 'refine', 'candidate', 'judge', 'review', 'improve'] as const;
export type StepName = (typeof STEP_NAMES)[number];

/** A node of an orchestration's graph. */
export interface StepNode {
  /** Unique in its job, and readable: `plan`, `critique-1`, `candidate-3`. */
  id: string;
  name: StepName;
  /** The round it belongs to, from 1; a vote's candidates are numbered by it. 0 for what comes before the first round. */
  round: number;
  /** The steps that must have ended before it begins. */
  needs: readonly string[];
}

/** `skipped`: the graph ended before its turn came, because nothing was left to do. */
export const STEP_STATES = ['pending', 'in_progress', 'completed', 'failed', 'skipped'] as const;
export type StepState = (typeof STEP_STATES)[number];

/** What a step leaves for those after it, and for its owner to read. */
export interface StepOutput {
  /** What the model wrote, without directives; tool calls are rendered as text when there is nothing else. */
  text: string;
  /** Of the text, by its provider's count; absent where that gave none. */
  tokens?: number;
  /** The OpenAI-shaped completion, of steps whose answer may become the job's. */
  completion: JsonObject | null;
  model: string;
  provider: string;
  /** A critique or review: nothing needs to change. */
  approved?: boolean;
  /** A judge's decision. */
  verdict?: Verdict;
}

/**
 * `chosen`: one candidate is best. `tie`: several are, and the first of them by routing's order is taken. `unreadable`: the
 * judge's answer named none, twice.
 */
export interface Verdict {
  kind: 'chosen' | 'tie' | 'unreadable';
  /** Step ids of the candidates that were named, best first by the judge's own order; empty when unreadable. */
  named: string[];
  reason: string;
}
