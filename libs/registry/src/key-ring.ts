import { budgetRules } from '#contracts/budgets.js';
import type { KeyRules, MadeKeys, ProjectRules } from '#contracts/key-rules.js';
import { decidedBy, type Policy, type WirePolicy } from '#contracts/policy.js';
import { SCOPES, type Principal } from '#contracts/scopes.js';
import { DEFAULT_PROJECT, declaredKeys, type DeclaredKeys } from './declared-keys.js';
import { hashOf, isMistyped } from './key-secret.js';

/** Why a presented key is refused. */
export type KeyFault = 'unknown' | 'mistyped' | 'disabled' | 'expired';

/** Longer than any key; what is longer is refused before it is hashed. */
const MAX_KEY_LENGTH = 512;

interface Entry {
  principal: Principal;
  /** Of the key or its project. */
  disabled: boolean;
  endsAtMs: number;
}

/**
 * Who a presented key belongs to: those that the configuration declares, and those that were made over the admin API, as they are at this
 * moment. Only hashes are kept, and the lookup is by the hash of what was presented: its timing tells at most how a SHA-256 that the
 * caller can compute, but not steer, compares with others. Hashing costs about a microsecond, so no presented key is kept in a cache.
 */
export class KeyRing {
  private readonly declared: MadeKeys;
  private byHash: ReadonlyMap<string, Entry>;
  /** Everybody, where authentication is off: all scopes, and what project `default` may do and spend. */
  anonymous: Principal;
  /** All that are known at this moment, declared and made ones. */
  rules: MadeKeys;

  constructor(
    declared: DeclaredKeys,
    private readonly now: () => number = Date.now,
  ) {
    this.declared = declaredKeys(declared);
    this.byHash = new Map();
    this.rules = this.declared;
    this.anonymous = principalOf(EVERYBODY, undefined);
    this.accept({ projects: [], keys: [] });
  }

  /** Takes these in the place of all that were made before. What is declared holds against them, by id and by hash. */
  accept(made: MadeKeys): void {
    const projects = new Map([...made.projects, ...this.declared.projects].map((project) => [project.id, project]));
    const declaredIds = new Set(this.declared.keys.map(({ id }) => id));
    const keys = [...made.keys.filter(({ id }) => !declaredIds.has(id)), ...this.declared.keys];
    this.rules = { projects: [...projects.values()], keys };
    this.byHash = new Map(keys.flatMap((key) => entriesOf(key, projects.get(key.project))));
    this.anonymous = principalOf(EVERYBODY, projects.get(DEFAULT_PROJECT));
  }

  /** The owner of this key; null when the key is not known, disabled or has expired. */
  find(bearer: string): Principal | null {
    const entry = this.entryOf(bearer);
    return entry && !entry.disabled && this.now() < entry.endsAtMs ? entry.principal : null;
  }

  /** Why `find` has no owner for it. */
  faultOf(bearer: string): KeyFault {
    const entry = this.entryOf(bearer);
    if (!entry) return isMistyped(bearer) ? 'mistyped' : 'unknown';
    return entry.disabled ? 'disabled' : 'expired';
  }

  /** What this key may do and spend, whether it is disabled or not; null once it or its project is gone. */
  ownerOf(projectId: string, keyId: string): Principal | null {
    const { anonymous, rules } = this;
    const project = rules.projects.find(({ id }) => id === projectId);
    const key = rules.keys.find(({ id, project: of }) => id === keyId && of === projectId);
    if (key && project) return principalOf(key, project);
    return anonymous.key === keyId && anonymous.project === projectId ? anonymous : null;
  }

  private entryOf(bearer: string): Entry | undefined {
    return bearer.length > MAX_KEY_LENGTH ? undefined : this.byHash.get(hashOf(bearer));
  }
}

const EVERYBODY: Omit<KeyRules, 'disabled' | 'secrets' | 'expiresAtMs'> = {
  ...{ id: 'anonymous', project: DEFAULT_PROJECT, scopes: SCOPES, share: 1, limits: {} },
  ...{ allowedModels: null, policy: {}, budget: {} },
};

/** None for a key whose project is no more: what would hold for it is not known. */
function entriesOf(key: KeyRules, project: ProjectRules | undefined): [string, Entry][] {
  if (!project) return [];
  const principal = principalOf(key, project);
  const disabled = key.disabled || project.disabled;
  return key.secrets.map(({ sha256, endsAtMs }) => [
    sha256,
    { principal, disabled, endsAtMs: Math.min(endsAtMs ?? Infinity, key.expiresAtMs ?? Infinity) },
  ]);
}

function principalOf(key: typeof EVERYBODY, project: ProjectRules | undefined): Principal {
  return {
    project: key.project,
    key: key.id,
    scopes: key.scopes,
    share: key.share,
    limits: key.limits,
    budgets: budgetRules({ key: key.budget, project: project?.budget ?? {} }),
    allowedModels: both(project?.allowedModels ?? null, key.allowedModels),
    policy: { ...decided(project?.policy), ...decided(key.policy) },
  };
}

/** Most say nothing, and there may be ten thousand. */
function decided(policy: WirePolicy | undefined): Partial<Policy> {
  return policy === undefined || Object.keys(policy).length === 0 ? NOTHING : decidedBy(policy);
}

const NOTHING: Partial<Policy> = {};

/** What both lists name; a missing list names everything. */
function both(one: readonly string[] | null, other: readonly string[] | null): readonly string[] | null {
  if (one === null || other === null) return one ?? other;
  const named = new Set(one);
  return other.filter((id) => named.has(id));
}
