import type { KeyRules, MadeKeys, ProjectRules, UseRules } from '#contracts/key-rules.js';
import { SCOPES } from '#contracts/scopes.js';
import { ENVIRONMENT_KEY_ID } from '#platform/config/check-references.js';
import type { KeyConfig, ProjectConfig, UseConfig } from '#platform/config/config.js';
import { hashOf } from './key-secret.js';

export interface DeclaredKeys {
  projects: readonly ProjectConfig[];
  /** The value of `TOKENHUB_API_KEY`. */
  apiKey: string | null;
}

/** The project that always exists: of `TOKENHUB_API_KEY`, and of everybody where authentication is off. */
export const DEFAULT_PROJECT = 'default';

/** What a configuration declares, in the form of what is made over the admin API. */
export function declaredKeys({ projects, apiKey }: DeclaredKeys): MadeKeys {
  const own = projects.map((project): ProjectRules => ({ id: project.id, ...rulesOf(project) }));
  const keys = projects.flatMap((project) => project.keys.map((key) => keyRules(project.id, key)));
  return {
    projects: own.some(({ id }) => id === DEFAULT_PROJECT) ? own : [{ id: DEFAULT_PROJECT, ...NO_RULES }, ...own],
    keys: apiKey === null ? keys : [environmentKey(apiKey), ...keys],
  };
}

const NO_RULES: UseRules = { disabled: false, allowedModels: null, policy: {}, budget: {} };

function rulesOf({ disabled, allowedModels, policy, budget }: UseConfig): UseRules {
  return { disabled, allowedModels, policy, budget };
}

function keyRules(project: string, key: KeyConfig): KeyRules {
  return {
    id: key.id,
    project,
    ...rulesOf(key),
    secrets: [{ sha256: key.sha256, endsAtMs: null }],
    scopes: key.scopes,
    share: key.share,
    limits: key.limits,
    expiresAtMs: key.expiresAtMs,
  };
}

function environmentKey(secret: string): KeyRules {
  return {
    id: ENVIRONMENT_KEY_ID,
    project: DEFAULT_PROJECT,
    ...NO_RULES,
    secrets: [{ sha256: hashOf(secret), endsAtMs: null }],
    scopes: SCOPES,
    share: 1,
    limits: {},
    expiresAtMs: null,
  };
}
