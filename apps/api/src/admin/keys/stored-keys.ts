import { TokenhubError, type ErrorCode } from '#contracts/error-catalogue.js';
import { KEY_KIND, PROJECT_KIND } from '#registry/made-keys.js';
import { allowsVersion } from '#settings/etag.js';
import type { PublishOptions, SettingsPublisher } from '#settings/settings-publisher.js';
import {
  SettingsConflict,
  type ChangedBy,
  type SettingsChange,
  type SettingsDocument,
  type SettingsStore,
} from '#settings/settings-store.js';

export type KeyThing = typeof PROJECT_KIND | typeof KEY_KIND;

/** `If-Match` and `If-None-Match`, as they were sent, and who sent them. */
export interface ChangeRequest {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  by: ChangedBy;
}

export interface StoredKeysDeps {
  /** Null where no database is configured. */
  settings: SettingsStore | null;
  publisher: Pick<SettingsPublisher<object>, 'publish'>;
}

export interface WriteOptions extends PublishOptions {
  /** What `check` and `alongside` see. */
  kinds?: readonly string[];
  check: (current: SettingsDocument[]) => void;
  /** What is changed together with it. */
  alongside?: (current: SettingsDocument[]) => SettingsChange[];
  by: ChangedBy;
}

const NOT_FOUND: Record<KeyThing, ErrorCode> = { [PROJECT_KIND]: 'project_not_found', [KEY_KIND]: 'key_not_found' };

/** The stored projects and keys: read, and written so that every process hears of it. */
export class StoredKeys {
  constructor(private readonly deps: StoredKeysDeps) {}

  /** In order of their ids. */
  async all(kind: string): Promise<SettingsDocument[]> {
    const { settings } = this.deps;
    return settings ? (await settings.all([kind])).documents : [];
  }

  /** Throws `key_not_found` or `project_not_found`. */
  async read(kind: KeyThing, id: string): Promise<SettingsDocument> {
    const found = (await this.deps.settings?.read(kind, id)) ?? null;
    if (found === null) throw notFound(kind, id);
    return found;
  }

  /**
   * Makes one change, checked against all projects as they are in that moment, and what goes with it, and gives the document as it is now. Once it is
   * committed it is published; this process's own ring has it when this resolves. Throws `store_unavailable` when that has not worked in
   * time: the change is made all the same. With `until: 'commit'` it resolves then, too.
   */
  async write(
    change: SettingsChange,
    { kinds = [PROJECT_KIND], check, alongside = () => [], by, until }: WriteOptions,
  ): Promise<SettingsDocument | null> {
    const { settings } = this.deps;
    if (settings === null) {
      throw new TokenhubError(
        'settings_not_kept',
        'Projects and keys are kept in a database: set TOKENHUB_DATABASE_URL.',
      );
    }
    const decide = (current: SettingsDocument[]): SettingsChange[] => {
      check(current);
      return [change, ...alongside(current)];
    };
    const { documents, revision } = await settings.change(kinds, decide, by).catch(refuse);
    await this.deps.publisher.publish(revision, { until });
    return documents[0] ?? null;
  }

  /**
   * Writes what `next` makes of the document as it is. Without an `If-Match` whoever changes it meanwhile is not undone: it is read again.
   * Throws `precondition_failed` when that header names another version.
   */
  async update<D extends object>(
    { kind, id, ifMatch, by }: { kind: KeyThing; id: string; ifMatch: string | undefined; by: ChangedBy },
    { next, ...how }: { next: (current: D) => D | Promise<D> } & Pick<WriteOptions, 'check' | 'until'>,
  ): Promise<SettingsDocument> {
    for (;;) {
      const { definition, version } = await this.read(kind, id);
      requireVersion(ifMatch, { kind, id, version });
      const change = { change: 'update', kind, id, definition: await next(definition as D), version } as const;
      try {
        const written = await this.write(change, { ...how, by });
        if (written) return written;
        throw new Error(`the update of ${kind} ${id} gave nothing`);
      } catch (error) {
        if (ifMatch !== undefined || !isStale(error)) throw error;
      }
    }
  }
}

/** Throws `precondition_failed` unless the header, if there is one, allows a change of this version. */
export function requireVersion(
  ifMatch: string | undefined,
  { kind, id, version }: { kind: string; id: string; version: number },
): void {
  if (ifMatch !== undefined && !allowsVersion(ifMatch, version)) throw stale(kind, id);
}

/** Throws `precondition_failed` for what does not exist: there is no version that could match. */
export function requireNoVersion(ifMatch: string | undefined, { kind, id }: { kind: string; id: string }): void {
  if (ifMatch !== undefined) throw stale(kind, id);
}

/** With `If-None-Match: *` it is the precondition that fails where something exists already. */
export function asPrecondition(error: unknown): never {
  if (!(error instanceof TokenhubError && error.code === 'already_exists')) throw error;
  throw new TokenhubError('precondition_failed', error.message, { cause: error });
}

/** The answer for what does not exist. */
export function notFound(kind: KeyThing, id: string): TokenhubError {
  return new TokenhubError(NOT_FOUND[kind], `There is no ${kind} ${JSON.stringify(id.slice(0, 64))}.`);
}

/** The answer for a change of what the configuration declares. */
export function declaredError(kind: KeyThing, id: string): TokenhubError {
  return new TokenhubError('declared', `The ${kind} "${id}" is declared in the configuration, and is changed there.`);
}

function stale(kind: string, id: string): TokenhubError {
  return new TokenhubError('precondition_failed', `The ${kind} "${id}" has changed since: read it again.`);
}

function isStale(error: unknown): boolean {
  return error instanceof TokenhubError && error.code === 'precondition_failed';
}

function refuse(error: unknown): never {
  if (!(error instanceof SettingsConflict)) throw error;
  const { kind, id } = error.subject;
  switch (error.reason) {
    case 'exists':
      throw new TokenhubError('already_exists', `There is a ${kind} "${id}" already.`, { param: 'id' });
    case 'missing':
      throw notFound(kind as KeyThing, id);
    case 'stale':
      throw stale(kind, id);
  }
}
