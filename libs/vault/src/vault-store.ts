import type { Selectable, Transaction } from 'kysely';
import { isJsonObject } from '#contracts/json.js';
import { answered } from '#database/answered.js';
import type { Db } from '#database/connect-database.js';
import type { DatabaseSchema, VaultTable } from '#database/schema.js';
import { nextRevision, underSettingsLock } from '#settings/settings-lock.js';
import { isPasswordKdf } from './key-encryption.js';
import { vaultCorrupt } from './vault-error.js';
import { checksumOf, VAULT_MODES, type VaultRecord, type WrappedKey } from './vault-record.js';

/** The record as it is stored. */
export interface StoredVault {
  record: VaultRecord;
  /** Locked by an administrator: no process opens it by itself. */
  locked: boolean;
  /** The epoch that `locked` is from. */
  lockEpoch: number;
  /** Grows with each change of the record. */
  version: number;
}

/** Many secrets are sealed anew in it; a rotation that is done without anybody knowing leaves them to a key that no process has. */
const ROTATION_MS = 60_000;

/** The vault's record. Every method throws `store_unavailable` while the database is away. */
export class VaultStore {
  constructor(private readonly db: Db) {}

  /** Null when there is no vault. Throws `vault_corrupt` when the record is not as it was written. */
  async read(): Promise<StoredVault | null> {
    const row = await answered(this.db.selectFrom('vault').selectAll().executeTakeFirst());
    return row ? toStored(row) : null;
  }

  /** False when there is a vault already. */
  async insert(record: VaultRecord): Promise<boolean> {
    const nowMs = Date.now();
    const row = {
      ...columnsOf(record),
      locked: false,
      lock_epoch: 0,
      version: nowMs,
      created_ms: nowMs,
      updated_ms: nowMs,
    };
    const made = await answered(
      this.db
        .insertInto('vault')
        .values(row)
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst(),
    );
    return made.numInsertedOrUpdatedRows === 1n;
  }

  /** Puts this record in the place of the one of that version. False when it has changed since. */
  async replace(record: VaultRecord, version: number): Promise<boolean> {
    return answered(underSettingsLock(this.db, (trx) => replaceRecord(trx, record, version)));
  }

  /** Notes that an administrator has locked it at this epoch, unless something newer is noted. */
  async lock(epoch: number): Promise<void> {
    const noted = this.db
      .updateTable('vault')
      .set({ locked: true, lock_epoch: epoch, updated_ms: Date.now() })
      .where('lock_epoch', '<', epoch)
      .execute();
    await answered(noted);
  }

  /** Notes that it is unlocked as it was at this epoch. False when it was locked since, or when the record is not of that version. */
  async unlock({ epoch, version }: { epoch: number; version: number }): Promise<boolean> {
    const noted = this.db
      .updateTable('vault')
      .set({ locked: false, lock_epoch: epoch, updated_ms: Date.now() })
      .where('lock_epoch', '<=', epoch)
      .where('version', '=', version)
      .executeTakeFirst();
    return (await answered(noted)).numUpdatedRows === 1n;
  }

  /**
   * Puts this record in the place of the one of that version, and seals every secret anew, in one step. What `reseal` throws leaves
   * everything as it was. False when the record has changed since.
   */
  async rotate(
    { record, version }: { record: VaultRecord; version: number },
    reseal: (name: string, sealed: string) => string,
  ): Promise<boolean> {
    const rotated = underSettingsLock(this.db, async (trx) => {
      if (!(await replaceRecord(trx, record, version))) return false;
      const secrets = await trx.selectFrom('vault_secrets').select(['name', 'sealed']).execute();
      for (const { name, sealed } of secrets) {
        const resealed = reseal(name, sealed);
        await trx.updateTable('vault_secrets').set({ sealed: resealed }).where('name', '=', name).execute();
      }
      await nextRevision(trx);
      return true;
    });
    return answered(rotated, ROTATION_MS);
  }
}

async function replaceRecord(trx: Transaction<DatabaseSchema>, record: VaultRecord, version: number): Promise<boolean> {
  const nowMs = Date.now();
  const changed = await trx
    .updateTable('vault')
    .set({ ...columnsOf(record), version: Math.max(version + 1, nowMs), updated_ms: nowMs })
    .where('version', '=', version)
    .executeTakeFirst();
  return changed.numUpdatedRows === 1n;
}

function columnsOf(record: VaultRecord) {
  const { id, mode, kdf, dataKeys } = record;
  return {
    ...{ id, mode, kdf: kdf === null ? null : JSON.stringify(kdf) },
    data_keys: JSON.stringify(dataKeys),
    checksum: checksumOf(record),
  };
}

function toStored(row: Selectable<VaultTable>): StoredVault {
  const record = toRecord(row);
  if (record === null || checksumOf(record) !== row.checksum) throw vaultCorrupt('the vault record');
  return { record, locked: row.locked, lockEpoch: row.lock_epoch, version: row.version };
}

function toRecord({ id, mode: written, kdf, data_keys: dataKeys }: Selectable<VaultTable>): VaultRecord | null {
  const mode = VAULT_MODES.find((known) => known === written);
  if (mode === undefined || !Array.isArray(dataKeys) || !dataKeys.every(isWrappedKey)) return null;
  if (mode === 'env') return { id, mode, kdf: null, dataKeys };
  return isPasswordKdf(kdf) ? { id, mode, kdf, dataKeys } : null;
}

function isWrappedKey(value: unknown): value is WrappedKey {
  return isJsonObject(value) && Number.isSafeInteger(value.version) && typeof value.wrapped === 'string';
}
