import type { TemporaryReason } from '#contracts/decision.js';

export interface ProviderHealth {
  state: 'up' | 'degraded' | 'down';
  /** Decayed share of failed attempts, 0 to 1. */
  failureRate: number;
}

/** By provider id; an absent provider counts as up. */
export type HealthView = ReadonlyMap<string, ProviderHealth>;

export interface PoolLoad {
  expectedWaitMs: number;
  paused: boolean;
}

export interface LoadView {
  /** By pool id; an absent pool is open and has no wait. */
  pools: ReadonlyMap<string, PoolLoad>;
  /** Observed latency (EWMA, milliseconds) by model id; absent means that the configured expectation holds. */
  observedLatencyMs: ReadonlyMap<string, number>;
}

/** By provider id: why its secret cannot be had at this moment. */
export type CredentialView = ReadonlyMap<string, 'vault_locked' | 'credential_missing'>;

/** What routing knows of the moment; it is looked at again at each hop. */
export interface LiveViews {
  health: HealthView;
  load: LoadView;
  credentials: CredentialView;
}

export const UNKNOWN_HEALTH: HealthView = new Map();
export const UNKNOWN_LOAD: LoadView = { pools: new Map(), observedLatencyMs: new Map() };
export const ALL_CREDENTIALS: CredentialView = new Map();

/** Why nothing on this provider and pool can be taken at this moment, or null. */
export function temporaryReasonOf(place: { provider: string; pool: string }, views: LiveViews): TemporaryReason | null {
  const credential = views.credentials.get(place.provider);
  if (credential) return credential;
  if (views.health.get(place.provider)?.state === 'down') return 'provider_down';
  return views.load.pools.get(place.pool)?.paused ? 'pool_paused' : null;
}
