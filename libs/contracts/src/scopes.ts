import type { BudgetRule } from './budgets.js';
import type { Policy } from './policy.js';
import type { Limits } from './registry-snapshot.js';

/** What a key may do: jobs (jobs, webhooks, explain), chat, embeddings, batches (batches, files), models. */
export const SCOPES = ['jobs', 'chat', 'embeddings', 'batches', 'models'] as const;
export type Scope = (typeof SCOPES)[number];

/** Who asks: the project that owns what is created, and the key that it is billed to. */
export interface Principal {
  project: string;
  key: string;
  scopes: readonly Scope[];
  /** The key's share of a pool in which several keys wait. */
  share: number;
  /** The key's own limits; an absent one is no limit. */
  limits: Limits;
  /** What its jobs may cost, the key's own budgets and its project's; empty means whatever they do. */
  budgets: readonly BudgetRule[];
  /** Ids of the models and aliases that the key may ask for; null means all. */
  allowedModels: readonly string[] | null;
  /** What holds where a request says nothing. */
  policy: Partial<Policy>;
}
