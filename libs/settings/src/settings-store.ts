import { sql, type Selectable, type Transaction } from 'kysely';
import { appendEntries, type NewEntry } from '#audit/append-entries.js';
import type { DoneBy } from '#audit/audit-log.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import { migrate } from '#database/migrate.js';
import type { DatabaseSchema, SettingsTable } from '#database/schema.js';
import { nextRevision, underSettingsLock } from './settings-lock.js';

/** One thing that an administrator has set. */
export interface SettingsDocument {
  /** What it is: `provider`, `model`, `key` … */
  kind: string;
  id: string;
  /** As it was given, in the words of the configuration file. */
  definition: object;
  /** Grows with each change, and never repeats, even when the document is deleted and made again. */
  version: number;
  createdMs: number;
  updatedMs: number;
}

/** `version` is the one that the change was made from; null changes whatever is there. */
export type SettingsChange =
  | { change: 'insert'; kind: string; id: string; definition: object }
  | { change: 'update'; kind: string; id: string; definition: object; version: number | null }
  | { change: 'delete'; kind: string; id: string; version: number | null };

/** Whose change it is, for the audit; `verb` where it is more than created, updated or deleted. */
export interface ChangedBy extends DoneBy {
  verb?: string;
}

/** All documents of some kinds at one moment. */
export interface Settings {
  /** In order of their ids. */
  documents: SettingsDocument[];
  /** Grows with each change of any document. */
  revision: number;
  /** Which database they are from. */
  source: string;
}

/** Why a change was not made: there is one of this id already, there is none, or it has changed meanwhile. Nothing was written. */
export class SettingsConflict extends Error {
  override readonly name = 'SettingsConflict';

  constructor(
    readonly reason: 'exists' | 'missing' | 'stale',
    readonly subject: { kind: string; id: string },
  ) {
    super(`${subject.kind} ${subject.id}: ${reason}`);
  }
}

/** What administrators set. Every method throws `store_unavailable` while the database is away. */
export class SettingsStore {
  constructor(private readonly db: Db) {}

  /** Null when there is none. */
  async read(kind: string, id: string): Promise<SettingsDocument | null> {
    const row = await answered(
      this.db.selectFrom('settings').selectAll().where('kind', '=', kind).where('id', '=', id).executeTakeFirst(),
    );
    return row ? toDocument(row) : null;
  }

  /** The documents of a kind in order of their ids, from the one after `after`. */
  async list(
    kind: string,
    { after, limit }: { after: string | null; limit: number },
  ): Promise<{ documents: SettingsDocument[]; hasMore: boolean }> {
    let query = this.db.selectFrom('settings').selectAll().where('kind', '=', kind);
    if (after !== null) query = query.where('id', '>', after);
    const rows = await answered(
      query
        .orderBy('id')
        .limit(limit + 1)
        .execute(),
    );
    return { documents: rows.slice(0, limit).map(toDocument), hasMore: rows.length > limit };
  }

  /** All documents of these kinds, as they are at one moment. */
  async all(kinds: readonly string[]): Promise<Settings> {
    const read = (): Promise<Settings> => readAll(this.db, kinds);
    return answered(
      read().catch(async (error: unknown) => {
        // It was away as the processes started, and nobody has migrated it since.
        if ((error as { code?: unknown }).code !== '42P01') throw error;
        await migrate(this.db);
        return read();
      }),
    );
  }

  /** What `all` would tell of its moment, without the documents. */
  async revision(): Promise<Pick<Settings, 'revision' | 'source'>> {
    const row = this.db.selectFrom('settings_revision').select(['revision', 'source']).executeTakeFirstOrThrow();
    return answered(row);
  }

  /**
   * Makes the changes that `decide` finds right after a look at all documents of these kinds; no other change comes in between. What
   * `decide` throws leaves everything as it was, and so does a SettingsConflict. `decide` does not wait for anything, because others
   * wait for it. Gives the documents as they are now, without those deleted. What an administrator (`by`) changes is in the audit exactly
   * when it is changed; null is for whoever is none.
   */
  async change(
    kinds: readonly string[],
    decide: (current: SettingsDocument[]) => readonly SettingsChange[],
    by: ChangedBy | null,
  ): Promise<Settings> {
    const changed = underSettingsLock(this.db, async (trx) => {
      const before = await readAll(trx, kinds);
      const changes = decide(before.documents);
      if (changes.length === 0) return { ...before, documents: [] };
      const nowMs = Date.now();
      const revision = await nextRevision(trx);
      const made: Made[] = [];
      for (const change of changes) made.push(await apply(trx, change, { revision, nowMs }));
      if (by)
        await appendEntries(
          trx,
          made.map((one) => entryOf(one, by)),
        );
      const documents = made.flatMap(({ document }) => document ?? []);
      return { documents, revision, source: before.source };
    });
    return answered(changed);
  }
}

/** A change that was made. */
interface Made {
  change: SettingsChange;
  before: object | null;
  /** As it is now; null when it was deleted. */
  document: SettingsDocument | null;
}

const VERBS = { insert: 'created', update: 'updated', delete: 'deleted' };

function entryOf({ change, before, document }: Made, { actor, requestId, verb }: ChangedBy): NewEntry {
  return {
    ...{ actor, requestId, before, after: document?.definition ?? null },
    action: `${change.kind}.${verb ?? VERBS[change.change]}`,
    target: change.id,
    outcome: 'committed',
  };
}

/** One statement: revision and documents are of one moment. */
async function readAll(db: Db | Transaction<DatabaseSchema>, kinds: readonly string[]): Promise<Settings> {
  const rows = await db
    .selectFrom('settings_revision')
    .leftJoin('settings', (join) => join.on(sql`settings.kind`, '=', sql`ANY(${[...kinds]}::text[])`))
    .select(['source', 'revision', 'kind', 'id', 'definition', 'version', 'created_ms', 'updated_ms'])
    .orderBy('kind')
    .orderBy('id')
    .execute();
  const [first] = rows;
  if (!first) throw new Error('the settings have lost their revision');
  const documents = rows.flatMap((row) => (row.kind === null ? [] : [toDocument(row as Selectable<SettingsTable>)]));
  return { documents, revision: first.revision, source: first.source };
}

async function apply(
  trx: Transaction<DatabaseSchema>,
  change: SettingsChange,
  { revision, nowMs }: { revision: number; nowMs: number },
): Promise<Made> {
  const { kind, id } = change;
  if (change.change === 'insert') {
    const definition = JSON.stringify(change.definition);
    const row = await trx
      .insertInto('settings')
      .values({ kind, id, definition, version: revision, created_ms: nowMs, updated_ms: nowMs })
      .onConflict((conflict) => conflict.columns(['kind', 'id']).doNothing())
      .returningAll()
      .executeTakeFirst();
    if (!row) throw new SettingsConflict('exists', { kind, id });
    return { change, before: null, document: toDocument(row) };
  }
  const current = await trx
    .selectFrom('settings')
    .select(['version', 'definition'])
    .where('kind', '=', kind)
    .where('id', '=', id)
    .executeTakeFirst();
  if (!current) throw new SettingsConflict('missing', { kind, id });
  if (change.version !== null && change.version !== current.version) throw new SettingsConflict('stale', { kind, id });
  if (change.change === 'delete') {
    await trx.deleteFrom('settings').where('kind', '=', kind).where('id', '=', id).execute();
    return { change, before: current.definition, document: null };
  }
  const row = await trx
    .updateTable('settings')
    .set({ definition: JSON.stringify(change.definition), version: revision, updated_ms: nowMs })
    .where('kind', '=', kind)
    .where('id', '=', id)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { change, before: current.definition, document: toDocument(row) };
}

function toDocument(row: Selectable<SettingsTable>): SettingsDocument {
  const { kind, id, definition, version } = row;
  return { kind, id, definition, version, createdMs: row.created_ms, updatedMs: row.updated_ms };
}
