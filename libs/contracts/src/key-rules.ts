import type { Budget } from './budgets.js';
import type { WirePolicy } from './policy.js';
import type { Limits } from './registry-snapshot.js';
import type { Scope } from './scopes.js';

/** What holds for every request of a key, or of every key of a project. */
export interface UseRules {
  /** Every request is refused. */
  disabled: boolean;
  /** Ids of the models and aliases that may be asked for; null means all. */
  allowedModels: readonly string[] | null;
  /** What holds where a request says nothing; a key's words come before its project's. */
  policy: WirePolicy;
  /** What its jobs may cost; a key's jobs count for its project, too. */
  budget: Budget;
}

export interface ProjectRules extends UseRules {
  id: string;
}

/** One of the secrets that a key is known by: never the secret itself. */
export interface SecretHash {
  /** Lower-case hex SHA-256 of the whole secret. */
  sha256: string;
  /** Unix milliseconds from which on it is refused, after a rotation; null for the newest. */
  endsAtMs: number | null;
}

export interface KeyRules extends UseRules {
  id: string;
  project: string;
  secrets: readonly SecretHash[];
  scopes: readonly Scope[];
  /** Its part of a pool in which several keys wait. */
  share: number;
  /** The key's own limits; an absent one is no limit. */
  limits: Limits;
  /** Unix milliseconds from which on the key is refused. */
  expiresAtMs: number | null;
}

/** The projects and keys that were made over the admin API, as every API process needs them. */
export interface MadeKeys {
  projects: readonly ProjectRules[];
  keys: readonly KeyRules[];
}
