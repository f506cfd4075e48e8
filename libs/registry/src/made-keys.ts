import { isJsonObject } from '#contracts/json.js';
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

/**
 * What processes need of the projects and keys that are stored. Every field is copied by name, so that nothing else gets into Redis. A
 * document that is not valid is left out, so that it keeps no other from being known: nobody gets in by it. Never throws.
 */
export function madeKeys(
  documents: readonly StoredKeyThing[],
  onInvalid: (document: StoredKeyThing, problem: string) => void,
): MadeKeys {
  const valid = (kind: string): readonly StoredKeyThing[] =>
    documents.filter((document) => {
      if (document.kind !== kind) return false;
      const problem = problemOf(document);
      if (problem !== null) onInvalid(document, problem);
      return problem === null;
    });
  return {
    projects: valid(PROJECT_KIND).map(({ id, definition }) => projectRules(id, definition as ProjectDefinition)),
    keys: valid(KEY_KIND).map(({ id, definition }) => keyRules(id, definition as KeyDefinition)),
  };
}

/** What is wrong with a stored document in a word, null for one that is as it was written. */
function problemOf({ kind, definition }: StoredKeyThing): string | null {
  if (!isJsonObject(definition)) return 'definition';
  const fields = Object.entries(kind === KEY_KIND ? { ...USE_FIELDS, ...KEY_FIELDS } : USE_FIELDS);
  return fields.find(([field, isValid]) => !isValid(definition[field]))?.[0] ?? null;
}

type Check = (value: unknown) => boolean;

const isTime: Check = (value) => value === null || (typeof value === 'string' && !Number.isNaN(Date.parse(value)));
const isTexts: Check = (value) => Array.isArray(value) && value.every((text) => typeof text === 'string');
const isSecret: Check = (value) => isJsonObject(value) && typeof value.sha256 === 'string' && isTime(value.ends_at);
const isAmounts: Check = (value) =>
  isJsonObject(value) && Object.values(value).every((amount) => typeof amount === 'number' && amount >= 0);

const USE_FIELDS: Record<string, Check> = {
  disabled: (value) => typeof value === 'boolean',
  allowed_models: (value) => value === null || isTexts(value),
  policy: isJsonObject,
  budget: isAmounts,
};

const KEY_FIELDS: Record<string, Check> = {
  project: (value) => typeof value === 'string',
  secrets: (value) => Array.isArray(value) && value.every(isSecret),
  scopes: isTexts,
  share: (value) => typeof value === 'number' && value > 0,
  limits: isJsonObject,
  expires_at: isTime,
};

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
