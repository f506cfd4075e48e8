import { hash } from 'node:crypto';
import { budgetRules } from '#contracts/budgets.js';
import { SCOPES, type Principal } from '#contracts/scopes.js';
import type { KeyConfig, ProjectConfig } from '#platform/config/config.js';

export interface DeclaredKeys {
  projects: readonly ProjectConfig[];
  /** The value of `TOKENHUB_API_KEY`. */
  apiKey: string | null;
}

/** Longer than any key; what is longer is refused before it is hashed. */
const MAX_KEY_LENGTH = 512;

/**
 * Who a presented key belongs to. Only hashes are kept, and the lookup is by the hash of what was presented: its timing tells
 * at most how a SHA-256 that the caller can compute, but not steer, compares with others. Hashing costs about a microsecond, so no
 * presented key is kept in a cache.
 */
export class KeyRing {
  private readonly byHash = new Map<string, { principal: Principal; expiresAtMs: number }>();

  constructor(
    declared: DeclaredKeys,
    private readonly now: () => number = Date.now,
  ) {
    for (const project of declared.projects) {
      for (const key of project.keys) this.byHash.set(key.sha256, toEntry(project, key));
    }
    if (declared.apiKey !== null) {
      this.byHash.set(hash('sha256', declared.apiKey), {
        principal: ofDefaultProject('env', declared.projects),
        expiresAtMs: Infinity,
      });
    }
  }

  /** The owner of this key; null when the key is not known or has expired. */
  find(bearer: string): Principal | null {
    if (bearer.length > MAX_KEY_LENGTH) return null;
    const entry = this.byHash.get(hash('sha256', bearer));
    return entry && this.now() < entry.expiresAtMs ? entry.principal : null;
  }
}

/** Whoever is let in without a key of its own: it has no limits, but what the project `default` may spend counts for it, too. */
export function ofDefaultProject(key: string, projects: readonly ProjectConfig[]): Principal {
  const project = projects.find(({ id }) => id === 'default');
  const budgets = budgetRules({ key: {}, project: project?.budget ?? {} });
  return { project: 'default', key, scopes: SCOPES, share: 1, limits: {}, budgets };
}

function toEntry(project: ProjectConfig, key: KeyConfig): { principal: Principal; expiresAtMs: number } {
  const { id, scopes, share, limits } = key;
  const budgets = budgetRules({ key: key.budget, project: project.budget });
  const principal: Principal = { project: project.id, key: id, scopes, share, limits, budgets };
  return { principal, expiresAtMs: key.expiresAtMs ?? Infinity };
}
