import { decidedBy, DEFAULT_POLICY, type Policy, type WirePolicy } from '#contracts/policy.js';

/**
 * Fills in what a client left out, from `defaults` where its key or the route has its own (such as high priority for synchronous
 * calls). An empty `models` list restricts nothing.
 */
export function resolvePolicy(wire: WirePolicy | null | undefined, defaults: Partial<Policy> = {}): Policy {
  return { ...DEFAULT_POLICY, ...defaults, ...(wire && decidedBy(wire)) };
}
