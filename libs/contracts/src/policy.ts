import type { Priority } from './job-state.js';

/** Which of the score's terms weighs most; orchestration profiles included. */
export const ROUTING_MODES = ['cheap', 'normal', 'high_confidence', 'planning', 'adversarial'] as const;
export type RoutingMode = (typeof ROUTING_MODES)[number];

/** What a client asks of routing; every field is optional on the wire and resolved to this by `resolvePolicy`. */
export interface Policy {
  mode: RoutingMode;
  minWeight: number;
  maxLatencyMs: number | null;
  maxBudgetUsd: number | null;
  /** Restricts and orders; null means every model. */
  models: string[] | null;
  /** False pins the first model; null means the default (false when a model id was named, else true). */
  fallback: boolean | null;
  /** Billable tries of one call. */
  maxAttempts: number;
  priority: Priority;
  strict: boolean;
  onContentFilter: 'fail' | 'next';
}

export const DEFAULT_POLICY: Policy = {
  mode: 'normal',
  minWeight: 0,
  maxLatencyMs: null,
  maxBudgetUsd: null,
  models: null,
  fallback: null,
  maxAttempts: 6,
  priority: 'normal',
  strict: false,
  onContentFilter: 'fail',
};

/** A policy as it is written by clients and for keys: every field may be absent or null. Validation has already been done. */
export interface WirePolicy {
  mode?: RoutingMode | null;
  min_weight?: number | null;
  max_latency_ms?: number | null;
  max_budget_usd?: number | null;
  models?: string[] | null;
  fallback?: boolean | null;
  max_attempts?: number | null;
  priority?: Priority | null;
  strict?: boolean | null;
  on_content_filter?: 'fail' | 'next' | null;
}

/** The fields that a written policy decides; an empty `models` list decides nothing. */
export function decidedBy(wire: WirePolicy): Partial<Policy> {
  const fields: { [F in keyof Policy]: Policy[F] | null | undefined } = {
    mode: wire.mode,
    minWeight: wire.min_weight,
    maxLatencyMs: wire.max_latency_ms,
    maxBudgetUsd: wire.max_budget_usd,
    models: wire.models?.length ? wire.models : null,
    fallback: wire.fallback,
    maxAttempts: wire.max_attempts,
    priority: wire.priority,
    strict: wire.strict,
    onContentFilter: wire.on_content_filter,
  };
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value != null));
}

/** What a policy says beyond the defaults: all that has to be kept of it. */
export function changesOf(policy: Policy): Partial<Policy> {
  const changed = (Object.keys(policy) as (keyof Policy)[]).filter((field) => policy[field] !== DEFAULT_POLICY[field]);
  return Object.fromEntries(changed.map((field) => [field, policy[field]]));
}
