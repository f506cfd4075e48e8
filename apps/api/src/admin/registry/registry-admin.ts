import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import type { JsonObject } from '#contracts/json.js';
import type { DeclaredRegistry } from '#registry/build-snapshot.js';
import {
  mergeRegistry,
  REGISTRY_KINDS,
  type MergedRegistry,
  type RegistryEntry,
  type RegistryKind,
} from '#registry/merge-registry.js';
import { KEY_KIND, PROJECT_KIND } from '#registry/made-keys.js';
import { allowsVersion, etagOf, type Preconditions } from '#settings/etag.js';
import type { SettingsPublisher } from '#settings/settings-publisher.js';
import type { SettingsChange, SettingsDocument, SettingsStore } from '#settings/settings-store.js';
import { mergePatch } from '../merge-patch.js';
import { pageOf, type ListRequest } from '../../http/parse-list.js';
import { checkDefinition } from './check-definition.js';
import type { WorkerSight } from './readiness.js';
import { registryView } from './registry-view.js';
import { policiesWith, usersOf, type Subject, type User } from './users-of.js';

export interface RegistryAdminDeps {
  declared: DeclaredRegistry;
  /** Null where there is no database: then nothing can be set. */
  settings: SettingsStore | null;
  publisher: Pick<SettingsPublisher<object>, 'publish'>;
  sight: WorkerSight;
}

/** An entry as it is answered; what is declared has no entity tag. */
export interface Shown {
  view: Record<string, unknown>;
  etag: string | null;
}

/** What a change is made on condition of, and who makes it. */
export interface ChangeRequest extends Preconditions {
  by: DoneBy;
}

/**
 * Providers, models and aliases, as an administrator reads and sets them. Whatever it refuses, it has written nothing; a
 * change that is written and could not be published in time throws `store_unavailable`.
 */
export class RegistryAdmin {
  constructor(private readonly deps: RegistryAdminDeps) {}

  /** A page of a kind, in order of the ids. */
  async list(kind: RegistryKind, request: ListRequest): Promise<{ shown: Shown[]; hasMore: boolean }> {
    const merged = await this.current();
    const { page, hasMore } = pageOf<RegistryEntry<unknown>>(merged[kind], request);
    const readiness = await this.deps.sight.look(merged);
    return { shown: page.map((entry) => show(kind, entry, readiness)), hasMore };
  }

  /** Throws `…_not_found`. */
  async read(subject: Subject): Promise<Shown> {
    return this.show(subject, await this.current());
  }

  /** Throws `already_exists`, `declared`, or for the definition's fault. */
  async create(kind: RegistryKind, definition: JsonObject, by: DoneBy): Promise<Shown> {
    const id = typeof definition.id === 'string' ? definition.id : '';
    return this.set({ kind, id }, by, (entry) => {
      if (entry) throw new TokenhubError('already_exists', `There is a ${kind} ${id} already.`, { param: 'id' });
      return definition;
    });
  }

  /** Sets it, whether it is there or not. Tells whether it is new. */
  async put(
    subject: Subject,
    definition: JsonObject,
    { ifMatch, ifNoneMatch, by }: ChangeRequest,
  ): Promise<Shown & { isNew: boolean }> {
    let isNew = false;
    const shown = await this.set(subject, by, (entry) => {
      if (entry && ifNoneMatch?.trim() === '*') throw preconditionFailed(`There is a ${subject.kind} ${subject.id}.`);
      checkMatch(entry, ifMatch);
      isNew = !entry;
      return { ...definition, id: idFor(subject, definition) };
    });
    return { ...shown, isNew };
  }

  /** Changes some fields of it. Throws `…_not_found`. */
  async patch(subject: Subject, patch: JsonObject, { ifMatch, by }: ChangeRequest): Promise<Shown> {
    return this.set(subject, by, (entry) => {
      if (!entry?.stored) throw notFound(subject);
      checkMatch(entry, ifMatch);
      return { ...mergePatch(entry.stored.definition, patch), id: idFor(subject, patch) };
    });
  }

  /** Throws `…_not_found`, and `in_use` while something refers to it. Of what is declared it removes what was hidden by that. */
  async remove(subject: Subject, { ifMatch, by }: ChangeRequest): Promise<void> {
    const { declared } = this.deps;
    const { kind, id } = subject;
    const kinds = kind === 'model' ? [...REGISTRY_KINDS, PROJECT_KIND, KEY_KIND] : REGISTRY_KINDS;
    const decide = (documents: readonly SettingsDocument[]): SettingsChange[] => {
      const merged = mergeRegistry(declared, documents);
      const entry = find(subject, merged);
      if (entry?.declared && !entry.stored) throw isDeclared(subject);
      if (!entry?.stored) throw notFound(subject);
      checkMatch(entry, ifMatch);
      const users: User[] = entry.declared ? [] : usersOf(subject, merged);
      if (kind === 'model' && !entry.declared) users.push(...policiesWith(id, documents));
      if (users.length > 0) throw inUse(subject, users);
      return [{ change: 'delete', kind, id, version: entry.stored.version }];
    };
    const { revision } = await this.store().change(kinds, decide, by);
    await this.deps.publisher.publish(revision);
  }

  private async set(
    subject: Subject,
    by: DoneBy,
    next: (entry: RegistryEntry<unknown> | null) => JsonObject,
  ): Promise<Shown> {
    const { declared, publisher } = this.deps;
    const { kind, id } = subject;
    let others: SettingsDocument[] = [];
    const decide = (current: readonly SettingsDocument[]): SettingsChange[] => {
      const entry = find(subject, mergeRegistry(declared, current));
      if (entry?.declared) throw isDeclared(subject);
      const definition = next(entry);
      others = current.filter((document) => document.kind !== kind || document.id !== id);
      checkDefinition(kind, definition, mergeRegistry(declared, others));
      const version = entry?.stored?.version;
      return version === undefined
        ? [{ change: 'insert', kind, id, definition }]
        : [{ change: 'update', kind, id, definition, version }];
    };
    const { documents, revision } = await this.store().change(REGISTRY_KINDS, decide, by);
    await publisher.publish(revision);
    return this.show(subject, mergeRegistry(declared, [...others, ...documents]));
  }

  private async show(subject: Subject, merged: MergedRegistry): Promise<Shown> {
    const entry = find(subject, merged);
    if (!entry) throw notFound(subject);
    return show(subject.kind, entry, await this.deps.sight.look(merged));
  }

  private async current(): Promise<MergedRegistry> {
    const { declared, settings } = this.deps;
    return mergeRegistry(declared, settings ? (await settings.all(REGISTRY_KINDS)).documents : []);
  }

  private store(): SettingsStore {
    if (this.deps.settings) return this.deps.settings;
    throw new TokenhubError(
      'settings_not_kept',
      'Settings are kept in a database: set TOKENHUB_DATABASE_URL, or use the configuration file.',
    );
  }
}

function show(
  kind: RegistryKind,
  entry: RegistryEntry<unknown>,
  readiness: Awaited<ReturnType<WorkerSight['look']>>,
): Shown {
  const view = registryView(kind, entry as MergedRegistry[typeof kind][number], readiness(kind, entry));
  return { view, etag: entry.declared || !entry.stored ? null : etagOf(entry.stored.version) };
}

function find({ kind, id }: Subject, merged: MergedRegistry): RegistryEntry<unknown> | null {
  return merged[kind].find((entry) => entry.id === id) ?? null;
}

/** The id of a definition that is set at a path; it may leave it out, and not name another. */
function idFor({ id }: Subject, definition: JsonObject): string {
  if (definition.id === undefined || definition.id === id) return id;
  throw new TokenhubError('invalid_value', 'id must be the one in the path: ids do not change.', { param: 'id' });
}

function checkMatch(entry: RegistryEntry<unknown> | null, ifMatch: string | undefined): void {
  if (ifMatch === undefined) return;
  if (entry?.stored && allowsVersion(ifMatch, entry.stored.version)) return;
  throw preconditionFailed(
    entry ? 'It has changed since: read it again, and send its ETag as If-Match.' : 'It is not there.',
  );
}

function preconditionFailed(message: string): TokenhubError {
  return new TokenhubError('precondition_failed', message);
}

const SHOWN_USERS = 20;

function inUse({ kind, id }: Subject, users: readonly User[]): TokenhubError {
  const shown = users.slice(0, SHOWN_USERS);
  const more = users.length > SHOWN_USERS ? ` and ${users.length - SHOWN_USERS} more` : '';
  const names = shown.map((user) => `${user.kind} ${user.id}`).join(', ');
  return new TokenhubError('in_use', `The ${kind} ${id} is used by ${names}${more}.`, {
    extensions: { used_by: shown },
  });
}

function isDeclared({ kind, id }: Subject): TokenhubError {
  return new TokenhubError('declared', `The configuration declares the ${kind} ${id}: it is changed there.`);
}

function notFound({ kind, id }: Subject): TokenhubError {
  const shown = id.length > 64 ? `${id.slice(0, 64)}…` : id;
  return new TokenhubError(NOT_FOUND[kind], `There is no ${kind} ${shown}.`);
}

const NOT_FOUND: Record<RegistryKind, ErrorCode> = {
  provider: 'provider_not_found',
  model: 'model_not_found',
  alias: 'alias_not_found',
};
