import type { Priority } from '#contracts/job-state.js';
import { DEFAULT_POLICY, type Policy, type RoutingMode } from '#contracts/policy.js';

/** A policy as clients write it: every field may be absent or null. Validation has already been done. */
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

/**
 * Fills in what a client left out, from `defaults` where a route has its own (such as high priority for synchronous
 * calls). An empty `models` list restricts nothing.
 */
export function resolvePolicy(wire: WirePolicy | null | undefined, defaults: Partial<Policy> = {}): Policy {
  const base: Policy = { ...DEFAULT_POLICY, ...defaults };
  if (!wire) return base;
  return {
    mode: wire.mode ?? base.mode,
    minWeight: wire.min_weight ?? base.minWeight,
    maxLatencyMs: wire.max_latency_ms ?? base.maxLatencyMs,
    maxBudgetUsd: wire.max_budget_usd ?? base.maxBudgetUsd,
    models: wire.models?.length ? wire.models : base.models,
    fallback: wire.fallback ?? base.fallback,
    maxAttempts: wire.max_attempts ?? base.maxAttempts,
    priority: wire.priority ?? base.priority,
    strict: wire.strict ?? base.strict,
    onContentFilter: wire.on_content_filter ?? base.onContentFilter,
  };
}
