/** What is known of the moment and decides where a call may go: every process reads it from Redis, and it is never exact. */

/** How a provider, or one model of it, has answered lately. */
export interface Health {
  state: 'up' | 'degraded' | 'down';
  /** Decayed share of failed attempts, 0 to 1. */
  failureRate: number;
}

/** By provider id, or by model id; absent counts as up. */
export type HealthView = ReadonlyMap<string, Health>;

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

/** By model id: the window that the model's servers were started with, input and output tokens together, where they tell. */
export type ContextView = ReadonlyMap<string, number>;

/** Whether the registry of the moment still offers a place that a job was planned for; null when it does. */
export type OfferView = (place: Pick<Place, 'model'>) => 'disabled' | 'removed' | null;

/** Looked at when a job is planned, and again at each hop. */
export interface LiveViews {
  health: HealthView;
  /** Of models that their provider says it does not have, although it is itself well. */
  modelHealth: HealthView;
  load: LoadView;
  credentials: CredentialView;
  contextTokens: ContextView;
  offers: OfferView;
}

/** Where an attempt stands in its pool's queue. */
export interface QueuePlace {
  /** From 1; null when it does not wait in the queue's order: it waits for its time, or a worker holds it. */
  position: number | null;
  /** Unix milliseconds; null when nothing is measured that tells. */
  estimatedStartAt: number | null;
}

/** Where a call may go: a candidate. */
export interface Place {
  model: string;
  provider: string;
  pool: string;
}

export const UNKNOWN_HEALTH: HealthView = new Map();
export const UNKNOWN_LOAD: LoadView = { pools: new Map(), observedLatencyMs: new Map() };
export const ALL_CREDENTIALS: CredentialView = new Map();
export const ALL_OFFERED: OfferView = () => null;
export const UNKNOWN_CONTEXTS: ContextView = new Map();
