import type { Selectable } from 'kysely';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import type { VaultSecretsTable } from '#database/schema.js';
import { nextRevision, underSettingsLock } from '#settings/settings-lock.js';
import type { Settings } from '#settings/settings-store.js';

/** A secret as it is stored. */
export interface StoredSecret {
  name: string;
  sealed: string;
  /** Grows with each change, and never repeats. */
  version: number;
  createdMs: number;
  updatedMs: number;
}

/** A document of the settings that may refer to a secret. */
export interface Referrer {
  kind: string;
  id: string;
  definition: object;
}

export const SECRET_KIND = 'vault_secret';

/** The sealed secrets. Every method throws `store_unavailable` while the database is away. */
export class SecretStore {
  constructor(private readonly db: Db) {}

  /** Null when there is none. */
  async read(name: string): Promise<StoredSecret | null> {
    const row = await answered(
      this.db.selectFrom('vault_secrets').selectAll().where('name', '=', name).executeTakeFirst(),
    );
    return row ? toSecret(row) : null;
  }

  /** In order of their names, from the one after `after`. */
  async list({
    after,
    limit,
  }: {
    after: string | null;
    limit: number;
  }): Promise<{ secrets: StoredSecret[]; hasMore: boolean }> {
    let query = this.db
      .selectFrom('vault_secrets')
      .selectAll()
      .orderBy('name')
      .limit(limit + 1);
    if (after !== null) query = query.where('name', '>', after);
    const rows = await answered(query.execute());
    return { secrets: rows.slice(0, limit).map(toSecret), hasMore: rows.length > limit };
  }

  /**
   * Writes what `decide` makes of the secret as it is, null when there is none. What `decide` throws leaves everything as it was. Tells
   * whether it is new.
   */
  async write(
    name: string,
    decide: (current: StoredSecret | null) => string,
  ): Promise<{ secret: StoredSecret; isNew: boolean }> {
    const written = underSettingsLock(this.db, async (trx) => {
      const row = await trx.selectFrom('vault_secrets').selectAll().where('name', '=', name).executeTakeFirst();
      const sealed = decide(row ? toSecret(row) : null);
      const version = await nextRevision(trx);
      const nowMs = Date.now();
      const secret = { name, sealed, version, created_ms: row?.created_ms ?? nowMs, updated_ms: nowMs };
      await trx
        .insertInto('vault_secrets')
        .values(secret)
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed, version, updated_ms: nowMs }))
        .execute();
      return { secret: toSecret(secret), isNew: row === undefined };
    });
    return answered(written);
  }

  /** Removes it, after `check` has looked at it and at everything set that may refer to it. Throws `vault_secret_not_found`. */
  async remove(name: string, check: (current: StoredSecret, referrers: readonly Referrer[]) => void): Promise<void> {
    const removed = underSettingsLock(this.db, async (trx) => {
      const row = await trx.selectFrom('vault_secrets').selectAll().where('name', '=', name).executeTakeFirst();
      if (!row) throw secretNotFound(name);
      const referrers = await trx
        .selectFrom('settings')
        .select(['kind', 'id', 'definition'])
        .where('kind', '=', 'provider')
        .execute();
      check(toSecret(row), referrers);
      await trx.deleteFrom('vault_secrets').where('name', '=', name).execute();
      await nextRevision(trx);
    });
    await answered(removed);
  }

  /** What `all` would tell of its moment, without the secrets. */
  async revision(): Promise<Pick<Settings, 'revision' | 'source'>> {
    const row = this.db.selectFrom('settings_revision').select(['revision', 'source']).executeTakeFirstOrThrow();
    return answered(row);
  }

  /** All of them as the settings publish them. */
  async all(): Promise<Settings> {
    const rows = await answered(
      this.db
        .selectFrom('settings_revision')
        .leftJoin('vault_secrets', (join) => join.onTrue())
        .select(['source', 'revision', 'name', 'sealed', 'version', 'created_ms', 'updated_ms'])
        .orderBy('name')
        .execute(),
    );
    const [first] = rows;
    if (!first) throw new Error('the settings have lost their revision');
    const documents = rows.flatMap(({ name, sealed, version, created_ms: createdMs, updated_ms: updatedMs }) =>
      name === null || sealed === null || version === null || createdMs === null || updatedMs === null
        ? []
        : [{ kind: SECRET_KIND, id: name, definition: { sealed }, version, createdMs, updatedMs }],
    );
    return { documents, revision: first.revision, source: first.source };
  }
}

/** The answer for a secret that does not exist. */
export function secretNotFound(name: string): TokenhubError {
  return new TokenhubError('vault_secret_not_found', `There is no secret ${JSON.stringify(name.slice(0, 64))}.`);
}

function toSecret({ name, sealed, version, created_ms, updated_ms }: Selectable<VaultSecretsTable>): StoredSecret {
  return { name, sealed, version, createdMs: created_ms, updatedMs: updated_ms };
}
