import { isDeepStrictEqual } from 'node:util';
import {
  DEFAULT_OUTPUT,
  defaultOrchestration,
  type OrchestrationMode,
  type OrchestrationSpec,
  type OutputSpec,
} from '#contracts/orchestration.js';
import type { Policy } from '#contracts/policy.js';
import { invalidDirective } from './directive-error.js';
import { isScoreMode, type DirectiveKey, type Directives } from './directives.js';
import { stripBody } from './strip-body.js';

/** What a request asks for in its fields, defaults filled in. */
export interface Asked {
  policy: Policy;
  /** Null when the fields name no orchestration. */
  orchestration: OrchestrationSpec | null;
  output: OutputSpec | null;
  /** False when `orchestration.iterations` is a default, which a directive may also raise. Default: true. */
  iterationsGiven?: boolean;
}

export interface Applied {
  policy: Policy;
  orchestration: OrchestrationSpec | null;
  output: OutputSpec | null;
  /** The answer is to tell how it was routed. */
  includeDecision: boolean;
}

/** Keys that say something about an orchestration only. */
const ORCHESTRATION_KEYS = [
  'iterations',
  'primary_min_weight',
  'review_min_weight',
  'primary_model_id',
  'review_model_id',
  'return_plan_only',
] as const satisfies DirectiveKey[];

/** Keys that only some modes have a use for. */
const USED_BY: Partial<Record<DirectiveKey, readonly OrchestrationMode[]>> = {
  iterations: ['adversarial', 'refine'],
  review_min_weight: ['adversarial', 'vote'],
  review_model_id: ['adversarial', 'vote'],
  return_plan_only: ['planning', 'adversarial'],
};

/**
 * What a request asks for once its directives are obeyed. Budget, latency, iterations and weights only tighten. A schema of
 * the fields' own is stripped here, because it is forwarded. Throws `invalid_value` naming the key where directive and
 * fields contradict each other, and for orchestration keys without an orchestration.
 */
export function applyDirectives(directives: Directives, asked: Asked): Applied {
  return {
    policy: tightened(asked.policy, directives),
    orchestration: orchestrationOf(directives, asked),
    output: outputOf(directives, asked.output),
    includeDecision: directives.include_decision ?? false,
  };
}

function tightened(policy: Policy, { mode, budget, latency, min_weight: minWeight }: Directives): Policy {
  return {
    ...policy,
    mode: isScoreMode(mode) ? mode : policy.mode,
    maxBudgetUsd: least(policy.maxBudgetUsd, budget),
    maxLatencyMs: least(policy.maxLatencyMs, latency),
    minWeight: Math.max(policy.minWeight, minWeight ?? 0),
  };
}

function orchestrationOf(directives: Directives, asked: Asked): OrchestrationSpec | null {
  const { mode } = directives;
  const named = mode === undefined || isScoreMode(mode) ? null : mode;
  const own = asked.orchestration;
  if (named !== null && own !== null && own.mode !== named) {
    throw invalidDirective('mode', 'contradicts the orchestration that the request names itself');
  }
  const spec = own ?? (named === null ? null : defaultOrchestration(named));
  if (spec !== null) {
    requireUseful(spec, directives);
    return refined(spec, directives, own !== null && (asked.iterationsGiven ?? true));
  }
  const orphan = ORCHESTRATION_KEYS.find((key) => directives[key] !== undefined);
  if (orphan !== undefined) throw invalidDirective(orphan, 'needs an orchestration: mode=adversarial, for example');
  return null;
}

/** Whoever asks for rounds of a mode that has none is mistaken about one of the two; a default spelled out is no mistake. */
function requireUseful({ mode }: OrchestrationSpec, directives: Directives): void {
  const { iterations } = defaultOrchestration(mode);
  const harmless: unknown[] = [undefined, 0, false];
  for (const key of ORCHESTRATION_KEYS) {
    if (USED_BY[key]?.includes(mode) ?? true) continue;
    if (harmless.includes(directives[key]) || (key === 'iterations' && directives[key] === iterations)) continue;
    throw invalidDirective(key, `means nothing to an orchestration of the mode ${mode}`);
  }
}

function refined(spec: OrchestrationSpec, directives: Directives, iterationsGiven: boolean): OrchestrationSpec {
  const { iterations = spec.iterations } = directives;
  return {
    ...spec,
    iterations: Math.min(iterations, iterationsGiven ? spec.iterations : Infinity),
    primaryModelId: theOne('primary_model_id', spec.primaryModelId, directives.primary_model_id),
    reviewModelId: theOne('review_model_id', spec.reviewModelId, directives.review_model_id),
    primaryMinWeight: Math.max(spec.primaryMinWeight, directives.primary_min_weight ?? 0),
    reviewMinWeight: Math.max(spec.reviewMinWeight, directives.review_min_weight ?? 0),
    returnPlanOnly: spec.returnPlanOnly || (directives.return_plan_only ?? false),
  };
}

/** A schema is one of JSON, whoever names it. */
function outputOf(directives: Directives, asked: OutputSpec | null): OutputSpec | null {
  const own = asked?.schema ? { ...asked, schema: stripBody(asked.schema) } : asked;
  const { output_schema: schema, output_format: format } = directives;
  if (schema === undefined && format === undefined) return own;
  const output = own ?? DEFAULT_OUTPUT;
  const merged = theOne('output_schema', output.schema, schema);
  if (merged !== null && format !== undefined && format !== 'json') {
    throw invalidDirective('output_format', 'must be json where there is a schema');
  }
  return {
    ...output,
    schema: merged,
    format:
      format === undefined
        ? theOne('output_schema', output.format, 'json')
        : theOne('output_format', output.format, format),
  };
}

/** What fields and directive agree on. */
function theOne<Value>(key: DirectiveKey, own: Value | null, directed: Value | undefined): Value | null {
  if (directed === undefined) return own;
  if (own !== null && !isDeepStrictEqual(own, directed)) {
    throw invalidDirective(key, 'contradicts what the request says itself');
  }
  return directed;
}

function least(own: number | null, directed: number | undefined): number | null {
  return directed === undefined ? own : Math.min(directed, own ?? Infinity);
}
