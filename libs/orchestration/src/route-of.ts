import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, StepNode, StepOutput } from '#contracts/orchestration.js';
import type { Policy } from '#contracts/policy.js';
import { roleOf } from './steps-of.js';

export interface StepRoute {
  /** What the call asks routing for: a model id, an alias, or nothing. */
  model: string | undefined;
  policy: Policy;
}

/**
 * What a step asks of routing. A model id of the orchestration wins over weights; without one the client's own `model` holds for
 * whoever writes, and reviewers are routed freely among what the policy allows.
 */
export function routeOf(
  { orchestration, policy }: { orchestration: OrchestrationSpec | null; policy: Policy },
  node: StepNode,
  request: JsonObject,
): StepRoute {
  const own = typeof request.model === 'string' ? request.model : undefined;
  if (orchestration === null) return { model: own, policy };
  const reviews = roleOf(node.name) === 'review';
  const explicit = reviews ? orchestration.reviewModelId : orchestration.primaryModelId;
  const weight = reviews ? orchestration.reviewMinWeight : orchestration.primaryMinWeight;
  return {
    model: explicit ?? (reviews ? undefined : own),
    policy: {
      ...policy,
      mode: modeOf(orchestration, node, policy),
      minWeight: explicit === null ? Math.max(policy.minWeight, weight) : 0,
    },
  };
}

/** The profiles of DESIGN; a judge is worth the best there is. */
function modeOf({ mode }: OrchestrationSpec, { name }: StepNode, policy: Policy): Policy['mode'] {
  if (name === 'judge') return 'high_confidence';
  return mode === 'planning' || mode === 'adversarial' ? mode : policy.mode;
}

interface Ranked {
  model: string;
  temporary?: unknown;
}

/**
 * Routing's candidates in the order that suits the step: critics other than the author first, an author before others who would
 * go on with its work, and each candidate of a vote another model first. Whatever is closed at this moment stays last.
 */
export function orderForStep<C extends Ranked>(
  node: StepNode,
  candidates: readonly C[],
  { spec, outputs }: { spec: OrchestrationSpec | null; outputs: ReadonlyMap<string, StepOutput> },
): C[] {
  const open = candidates.filter(({ temporary }) => temporary === undefined);
  const closed = candidates.filter(({ temporary }) => temporary !== undefined);
  const author = outputs.get(node.name === 'refine' ? 'plan' : 'answer')?.model;
  switch (node.name) {
    case 'critique':
      return spec?.reviewModelId == null
        ? [...first(open, ({ model }) => model !== draftModel(node, outputs)), ...closed]
        : [...candidates];
    case 'refine':
    case 'review':
    case 'improve':
      return [...first(open, ({ model }) => model === author), ...closed];
    case 'candidate':
      return [...rotated(open, node.round - 1), ...closed];
    case 'answer':
    case 'plan':
    case 'judge':
      return [...candidates];
  }
}

/** Who wrote what is criticised. */
function draftModel(node: StepNode, outputs: ReadonlyMap<string, StepOutput>): string | undefined {
  const [draft] = node.needs;
  return draft === undefined ? undefined : outputs.get(draft)?.model;
}

function first<C>(all: readonly C[], fits: (one: C) => boolean): C[] {
  return [...all.filter(fits), ...all.filter((one) => !fits(one))];
}

function rotated<C>(all: readonly C[], by: number): C[] {
  if (all.length === 0) return [];
  const start = by % all.length;
  return [...all.slice(start), ...all.slice(0, start)];
}
