import { isJsonObject } from '#contracts/json.js';
import type { MergedRegistry, RegistryEntry, RegistryKind } from '#registry/merge-registry.js';

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

/** As it was set: of what is in use only a part may be. */
function fieldOf({ declared, config, stored }: RegistryEntry<object>, field: string): unknown {
  const source: unknown = declared ? config : stored?.definition;
  return isJsonObject(source) ? source[field] : undefined;
}

function membersOf(entry: RegistryEntry<object>): unknown[] {
  const members = fieldOf(entry, 'members');
  return Array.isArray(members) ? members.map((member: unknown) => isJsonObject(member) && member.model) : [];
}
