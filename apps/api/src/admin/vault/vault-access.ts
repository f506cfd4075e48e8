import type { DoneBy } from '#audit/audit-log.js';
import type { AuditEntry, AuditSink } from '#contracts/audit.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { VaultKeys } from '#platform/config/config.js';
import type { AdministrationSession } from '#vault/administration-session.js';
import type { DataKeys } from '#vault/data-keys.js';
import { keyOfPassword } from '#vault/key-encryption.js';
import type { LiveVault } from '#vault/live-vault.js';
import type { PasswordTries } from '#vault/password-tries.js';
import { vaultUninitialised } from '#vault/vault-error.js';
import { wrongEncryptionKey } from '#vault/vault-opener.js';
import { unwrapKeys, wrapKeys, type VaultRecord } from '#vault/vault-record.js';
import type { VaultStatus, VaultStatusStore } from '#vault/vault-status.js';
import type { StoredVault, VaultStore } from '#vault/vault-store.js';

export interface VaultAccessDeps {
  /** Null where there is no database. */
  store: VaultStore | null;
  status: VaultStatusStore;
  /** Of this process. */
  vault: LiveVault;
  keys: VaultKeys;
  session: AdministrationSession;
  tries: PasswordTries;
  audit: AuditSink;
}

/** What making, opening and rotating the vault have in common: its record, its data keys, and what everybody is told of it. */
export class VaultAccess {
  constructor(private readonly deps: VaultAccessDeps) {}

  /** Throws `settings_not_kept` where there is no database. */
  store(): VaultStore {
    if (this.deps.store) return this.deps.store;
    throw new TokenhubError('settings_not_kept', 'The vault is kept in a database: set TOKENHUB_DATABASE_URL.');
  }

  /** Throws `vault_uninitialised` where there is none. */
  async stored(): Promise<StoredVault> {
    const stored = await this.store().read();
    if (stored === null) throw vaultUninitialised();
    return stored;
  }

  /** What is said of the vault at this moment; null when nothing is. */
  async current(): Promise<VaultStatus | null> {
    await this.deps.vault.look();
    return this.deps.vault.status;
  }

  /** Makes these the data keys of what was just said: of this process, and of the others as they ask for them. */
  async opened(keys: DataKeys, status: VaultStatus): Promise<void> {
    this.deps.vault.adopt(keys, status);
    await this.deps.status.announce();
    await this.deps.session.open(status);
  }

  /** The data keys of the record. Throws `vault_password_wrong`, or `vault_not_configured` when the encryption key is another. */
  async unwrapped(record: VaultRecord, password: string | null, by: DoneBy): Promise<DataKeys> {
    const open = (): Promise<DataKeys | null> => this.using(record, password, (key) => unwrapKeys(record, key));
    if (record.mode === 'env') {
      const keys = await open();
      if (keys === null) throw wrongEncryptionKey();
      return keys;
    }
    if (password === null) throw passwordMissing();
    return this.deps.tries.judge(async () => {
      const keys = await open();
      if (keys === null) await this.deps.audit.record(entryOf(by, 'vault.refused'));
      return keys;
    });
  }

  /** The record with these keys; what is written is what opens again. */
  wrapped(frame: Omit<VaultRecord, 'dataKeys'>, keys: DataKeys, password: string | null): Promise<VaultRecord> {
    return this.using(frame, password, (encryptionKey) => {
      const record = wrapKeys(frame, keys, encryptionKey);
      const again = unwrapKeys(record, encryptionKey);
      if (again === null) throw new Error('the data keys do not open again');
      again.wipe();
      return record;
    });
  }

  /** The key of a password lives for one use. */
  private async using<T>(
    frame: Pick<VaultRecord, 'kdf'>,
    password: string | null,
    use: (encryptionKey: Buffer) => T,
  ): Promise<T> {
    const encryptionKey = await this.encryptionKey(frame, password);
    try {
      return use(encryptionKey);
    } finally {
      if (frame.kdf !== null) encryptionKey.fill(0);
    }
  }

  private async encryptionKey({ kdf }: Pick<VaultRecord, 'kdf'>, password: string | null): Promise<Buffer> {
    if (kdf === null) {
      if (password !== null) {
        throw new TokenhubError('invalid_value', 'password is for mode password.', { param: 'password' });
      }
      if (this.deps.keys.encryptionKey === null) throw noEncryptionKey();
      return this.deps.keys.encryptionKey;
    }
    if (password === null) throw passwordMissing();
    return keyOfPassword(password, kdf);
  }
}

/** What the work gives; a failure of it overwrites these keys, which are nobody's yet. */
export async function orWiped<T>(keys: DataKeys, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    keys.wipe();
    throw error;
  }
}

/** What the audit is told of the vault. */
export function entryOf(
  by: DoneBy,
  action: string,
  { before = null, after = null }: Partial<Pick<AuditEntry, 'before' | 'after'>> = {},
): AuditEntry {
  return { ...by, action, target: 'vault', before, after };
}

/** The answer to whoever began with another state of the vault than it has now. */
export function changedMeanwhile(): TokenhubError {
  return new TokenhubError('precondition_failed', 'Somebody else has changed the vault at this moment: try again.');
}

function passwordMissing(): TokenhubError {
  return new TokenhubError('missing_required_parameter', 'password is missing.', { param: 'password' });
}

function noEncryptionKey(): TokenhubError {
  return new TokenhubError(
    'vault_not_configured',
    'TOKENHUB_ENCRYPTION_KEY is not set in this process: npm run tokenhub -- generate-key makes one.',
  );
}
