import { randomUUID } from 'node:crypto';
import type { AuditSink } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { VaultKeys } from '#platform/config/config.js';
import type { AdministrationSession } from '#vault/administration-session.js';
import { DataKeys } from '#vault/data-keys.js';
import { keyOfPassword, newPasswordKdf } from '#vault/key-encryption.js';
import type { LiveVault } from '#vault/live-vault.js';
import type { PasswordTries } from '#vault/password-tries.js';
import { resealWith } from '#vault/reseal.js';
import { wrongEncryptionKey } from '#vault/vault-opener.js';
import { unwrapKeys, wrapKeys, type VaultMode, type VaultRecord } from '#vault/vault-record.js';
import type { VaultStatus, VaultStatusStore } from '#vault/vault-status.js';
import { vaultUninitialised } from '#vault/vault-error.js';
import type { StoredVault, VaultStore } from '#vault/vault-store.js';
import type { Caller } from './caller.js';
import type { RotateVaultDto } from './vault.dto.js';

export interface VaultAdminDeps {
  /** Null where there is no database. */
  store: VaultStore | null;
  status: VaultStatusStore;
  /** Of this process. */
  vault: LiveVault;
  keys: VaultKeys;
  session: AdministrationSession;
  tries: PasswordTries;
  audit: AuditSink;
  /** Makes every process know the secrets as they are sealed now. */
  publishSecrets: () => Promise<void>;
}

/** What administrators do with the vault. Passwords are checked before anything is used or written, and kept nowhere. */
export class VaultAdmin {
  constructor(private readonly deps: VaultAdminDeps) {}

  /** Makes the vault, and opens it. Throws `vault_initialised` where there is one. */
  async init({ mode, password }: { mode: VaultMode; password: string | null }, by: Caller): Promise<void> {
    const store = this.store();
    if (this.deps.keys.clusterSecret === null) throw noClusterSecret();
    if ((await store.read()) !== null) throw alreadyThere();
    const kdf = mode === 'password' ? newPasswordKdf() : null;
    const frame = { id: randomUUID(), mode, kdf };
    const keys = DataKeys.first();
    const record = wrapped(frame, keys, await this.encryptionKey(frame, password));
    await this.note(by, 'vault.initialised', null, { mode });
    if (!(await store.insert(record))) throw alreadyThere();
    await this.open(keys, mode);
  }

  /** Opens the vault, or only its administration where it is open. Throws `vault_password_wrong`. */
  async unlock(password: string | null, by: Caller): Promise<void> {
    const store = this.store();
    const { record } = await this.stored();
    const keys = await this.unwrapped(record, password, by);
    const before = await this.current();
    await this.note(by, 'vault.unlocked', { state: before?.state ?? null }, { state: 'unlocked' });
    if (before?.state === 'unlocked') {
      this.deps.vault.adopt(keys, before);
      await this.deps.status.announce();
      return this.deps.session.open(before);
    }
    await store.setLocked(false);
    await this.open(keys, record.mode);
  }

  /** Drops the data keys everywhere. It does not wait for the database: only that the lock outlives Redis does. */
  async lock(by: Caller): Promise<void> {
    const { status, vault, session } = this.deps;
    const store = this.store();
    const before = await this.current();
    if (before === null || before.state === 'uninitialised') throw vaultUninitialised();
    await this.note(by, 'vault.locked', { state: before.state }, { state: 'locked' });
    if (before.state === 'unlocked') {
      await status.say('locked', before.mode);
      await status.announce();
      await vault.look();
      await session.close();
    }
    await store.setLocked(true);
  }

  /** A new password, a new data key, or the wrapping with a new encryption key: one of them. */
  async rotate(
    { password, new_password: next, data_key: dataKey, encryption_key: rewrap }: RotateVaultDto,
    by: Caller,
  ): Promise<void> {
    if ([next, dataKey, rewrap].filter((one) => one != null).length !== 1) {
      throw new TokenhubError('invalid_request', 'Give one of new_password, data_key and encryption_key.');
    }
    if (next != null) return this.rotatePassword({ password: password ?? null, next }, by);
    return dataKey ? this.rotateDataKey(password ?? null, by) : this.rotateEncryptionKey(by);
  }

  private async rotatePassword(
    { password, next }: { password: string | null; next: string },
    by: Caller,
  ): Promise<void> {
    const { record, version } = await this.stored();
    if (record.mode !== 'password') {
      throw new TokenhubError('invalid_value', 'This vault has no password: its mode is env.', {
        param: 'new_password',
      });
    }
    const keys = await this.unwrapped(record, password, by);
    const frame = { id: record.id, mode: record.mode, kdf: newPasswordKdf() };
    const rotated = wrapped(frame, keys, await this.encryptionKey(frame, next));
    keys.wipe();
    await this.note(by, 'vault.password_rotated', null, null);
    if (!(await this.store().replace(rotated, version))) throw changedMeanwhile();
  }

  /** The keys before stay in the record: what other parts have sealed with them can still be opened. */
  private async rotateDataKey(password: string | null, by: Caller): Promise<void> {
    const { record, version } = await this.stored();
    if ((await this.current())?.state !== 'unlocked') throw new TokenhubError('vault_locked');
    const before = await this.unwrapped(record, password, by);
    const keys = before.withNext();
    before.wipe();
    const rotated = wrapped(record, keys, await this.encryptionKey(record, password));
    const versions = [record, rotated].map(({ dataKeys }) => ({ data_key_version: dataKeys.at(-1)?.version ?? null }));
    await this.note(by, 'vault.data_key_rotated', versions[0] ?? null, versions[1] ?? null);
    if (!(await this.store().rotate({ record: rotated, version }, resealWith(keys)))) throw changedMeanwhile();
    await this.open(keys, record.mode);
    await this.deps.publishSecrets();
  }

  /** For a process that was given the data keys by others, and a new encryption key by its environment. */
  private async rotateEncryptionKey(by: Caller): Promise<void> {
    const { record, version } = await this.stored();
    if (record.mode !== 'env') {
      throw new TokenhubError('invalid_value', 'The mode of this vault is password.', { param: 'encryption_key' });
    }
    const encryptionKey = await this.encryptionKey(record, null);
    const { keys } = this.deps.vault;
    if (keys === null) throw new TokenhubError('vault_locked');
    const rotated = wrapped(record, keys, encryptionKey);
    await this.note(by, 'vault.encryption_key_rotated', null, null);
    if (!(await this.store().replace(rotated, version))) throw changedMeanwhile();
  }

  private async open(keys: DataKeys, mode: VaultMode): Promise<void> {
    const { status, vault, session } = this.deps;
    const opened: VaultStatus = { state: 'unlocked', mode, epoch: await status.say('unlocked', mode) };
    vault.adopt(keys, opened);
    await status.announce();
    await session.open(opened);
  }

  private async unwrapped(record: VaultRecord, password: string | null, by: Caller): Promise<DataKeys> {
    const open = async (): Promise<DataKeys | null> => unwrapKeys(record, await this.encryptionKey(record, password));
    if (record.mode === 'env') {
      const keys = await open();
      if (keys === null) throw wrongEncryptionKey();
      return keys;
    }
    if (password === null) {
      throw new TokenhubError('missing_required_parameter', 'password is missing.', { param: 'password' });
    }
    return this.deps.tries.judge(async () => {
      const keys = await open();
      if (keys === null) await this.note(by, 'vault.refused', null, null);
      return keys;
    });
  }

  private async encryptionKey({ kdf }: Pick<VaultRecord, 'kdf'>, password: string | null): Promise<Buffer> {
    if (kdf === null) {
      if (password !== null) {
        throw new TokenhubError('invalid_value', 'password is for mode password.', { param: 'password' });
      }
      if (this.deps.keys.encryptionKey === null) throw noEncryptionKey();
      return this.deps.keys.encryptionKey;
    }
    if (password === null) {
      throw new TokenhubError('missing_required_parameter', 'password is missing.', { param: 'password' });
    }
    return keyOfPassword(password, kdf);
  }

  private async stored(): Promise<StoredVault> {
    const stored = await this.store().read();
    if (stored === null) throw vaultUninitialised();
    return stored;
  }

  private async current(): Promise<VaultStatus | null> {
    await this.deps.vault.look();
    return this.deps.vault.status;
  }

  private store(): VaultStore {
    if (this.deps.store) return this.deps.store;
    throw new TokenhubError('settings_not_kept', 'The vault is kept in a database: set TOKENHUB_DATABASE_URL.');
  }

  private async note(by: Caller, action: string, before: object | null, after: object | null): Promise<void> {
    await this.deps.audit.record({ ...by, action, target: 'vault', before, after });
  }
}

/** What is written is what opens again. */
function wrapped(frame: Omit<VaultRecord, 'dataKeys'>, keys: DataKeys, encryptionKey: Buffer): VaultRecord {
  const record = wrapKeys(frame, keys, encryptionKey);
  const again = unwrapKeys(record, encryptionKey);
  if (again === null) throw new Error('the data keys do not open again');
  again.wipe();
  return record;
}

function noClusterSecret(): TokenhubError {
  return new TokenhubError(
    'vault_not_configured',
    'TOKENHUB_CLUSTER_SECRET is not set: without it no other process could be given the data key.',
  );
}

function noEncryptionKey(): TokenhubError {
  return new TokenhubError(
    'vault_not_configured',
    'TOKENHUB_ENCRYPTION_KEY is not set in this process: npm run tokenhub -- generate-key makes one.',
  );
}

function alreadyThere(): TokenhubError {
  return new TokenhubError('vault_initialised');
}

function changedMeanwhile(): TokenhubError {
  return new TokenhubError('precondition_failed', 'Somebody else has rotated the vault at this moment: try again.');
}
