import type { KeyRules, MadeKeys, ProjectRules, SecretHash } from '#contracts/key-rules.js';
import type { WirePolicy } from '#contracts/policy.js';
import type { Limits } from '#contracts/registry-snapshot.js';
import type { Scope } from '#contracts/scopes.js';
import type { FileBudget } from '#platform/config/config-file.js';
import { toBudget } from '#platform/config/resolve-config-file.js';

/** What projects and keys have in common, as it is stored: in the words of the configuration file. */
export interface UseDefinition {
  name: string | null;
  disabled: boolean;
  allowed_models: string[] | null;
  policy: WirePolicy;
  budget: FileBudget;
}

export type ProjectDefinition = UseDefinition;

/** One of a key's secrets: what it is known by, and what people know it by. */
export interface SecretDefinition {
  sha256: string;
  hint: string;
  /** ISO 8601. */
  created_at: string;
  /** From when on it is refused; null for the newest. */
  ends_at: string | null;
}

export interface KeyDefinition extends UseDefinition {
  project: string;
  scopes: Scope[];
  share: number;
  limits: Limits;
  expires_at: string | null;
  /** The newest first. */
  secrets: SecretDefinition[];
}

export const PROJECT_KIND = 'project';
export const KEY_KIND = 'key';

/** A project or key as it is stored. */
export interface StoredKeyThing {
  kind: string;
  id: string;
  definition: object;
}

/** What processes need of the projects and keys that are stored. Every field is copied by name, so that nothing else gets into Redis. */
export function madeKeys(documents: readonly StoredKeyThing[]): MadeKeys {
  const ofKind = (kind: string): readonly StoredKeyThing[] => documents.filter((document) => document.kind === kind);
  return {
    projects: ofKind(PROJECT_KIND).map(({ id, definition }) => projectRules(id, definition as ProjectDefinition)),
    keys: ofKind(KEY_KIND).map(({ id, definition }) => keyRules(id, definition as KeyDefinition)),
  };
}

function projectRules(
  id: string,
  { disabled, allowed_models: allowedModels, policy, budget }: ProjectDefinition,
): ProjectRules {
  return { id, disabled, allowedModels, policy, budget: toBudget(budget) };
}

function keyRules(id: string, key: KeyDefinition): KeyRules {
  return {
    ...projectRules(id, key),
    project: key.project,
    secrets: key.secrets.map(toSecret),
    scopes: key.scopes,
    share: key.share,
    limits: key.limits,
    expiresAtMs: key.expires_at === null ? null : Date.parse(key.expires_at),
  };
}

function toSecret({ sha256, ends_at: endsAt }: SecretDefinition): SecretHash {
  return { sha256, endsAtMs: endsAt === null ? null : Date.parse(endsAt) };
}
