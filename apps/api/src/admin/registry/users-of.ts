import { isJsonObject } from '#contracts/json.js';
import { KEY_KIND, PROJECT_KIND, type StoredKeyThing, type UseDefinition } from '#registry/made-keys.js';
import type { MergedRegistry, RegistryEntry, RegistryKind } from '#registry/merge-registry.js';

/** Who uses something: of the registry, or a project or key. */
export interface User {
  kind: string;
  id: string;
}

/** What of the registry is meant. */
export interface Subject {
  kind: RegistryKind;
  id: string;
}

/** What refers to a provider or a model, also where it is not in use itself. */
export function usersOf({ kind, id }: Subject, merged: MergedRegistry): Subject[] {
  switch (kind) {
    case 'provider':
      return merged.model
        .filter((entry) => fieldOf(entry, 'provider') === id)
        .map((entry) => ({ kind: 'model', id: entry.id }));
    case 'model':
      return merged.alias
        .filter((entry) => membersOf(entry).includes(id))
        .map((entry) => ({ kind: 'alias', id: entry.id }));
    case 'alias':
      return [];
  }
}

/** Projects and keys whose policy asks for a model: none of their requests would be served without it. */
export function policiesWith(model: string, documents: readonly StoredKeyThing[]): User[] {
  return documents
    .filter(({ kind }) => kind === PROJECT_KIND || kind === KEY_KIND)
    .filter(({ definition }) => (definition as Partial<UseDefinition>).policy?.models?.includes(model))
    .map(({ kind, id }) => ({ kind, id }));
}

/** As it was set: of what is in use only a part may be. */
function fieldOf({ declared, config, stored }: RegistryEntry<object>, field: string): unknown {
  const source: unknown = declared ? config : stored?.definition;
  return isJsonObject(source) ? source[field] : undefined;
}

function membersOf(entry: RegistryEntry<object>): unknown[] {
  const members = fieldOf(entry, 'members');
  return Array.isArray(members) ? members.map((member: unknown) => isJsonObject(member) && member.model) : [];
}
