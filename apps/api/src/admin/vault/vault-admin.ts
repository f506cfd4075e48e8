import { randomUUID } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { DataKeys } from '#vault/data-keys.js';
import { newPasswordKdf } from '#vault/key-encryption.js';
import { vaultUninitialised } from '#vault/vault-error.js';
import type { VaultMode } from '#vault/vault-record.js';
import type { Caller } from './caller.js';
import { entryOf, VaultAccess, type VaultAccessDeps } from './vault-access.js';
import { VaultRotation } from './vault-rotation.js';
import type { RotateVaultDto } from './vault.dto.js';

export interface VaultAdminDeps extends VaultAccessDeps {
  /** Makes every process know the secrets as they are sealed now. */
  publishSecrets: () => Promise<void>;
}

/** What administrators do with the vault. Passwords are checked before anything is used or written, and kept nowhere. */
export class VaultAdmin {
  private readonly access: VaultAccess;
  private readonly rotation: VaultRotation;

  constructor(private readonly deps: VaultAdminDeps) {
    this.access = new VaultAccess(deps);
    this.rotation = new VaultRotation({ ...deps, access: this.access });
  }

  /** Makes the vault, and opens it. Throws `vault_initialised` where there is one. */
  async init({ mode, password }: { mode: VaultMode; password: string | null }, by: Caller): Promise<void> {
    const store = this.access.store();
    if (this.deps.keys.clusterSecret === null) throw noClusterSecret();
    if ((await store.read()) !== null) throw alreadyThere();
    const kdf = mode === 'password' ? newPasswordKdf() : null;
    const frame = { id: randomUUID(), mode, kdf };
    const keys = DataKeys.first();
    const record = await this.access.wrapped(frame, keys, password);
    await this.deps.audit.around(entryOf(by, 'vault.initialised', { after: { mode } }), async () => {
      if (!(await store.insert(record))) throw alreadyThere();
    });
    await this.open(keys, mode);
  }

  /**
   * Opens the vault, or only its administration where it is open and this process has its newest data key. Throws
   * `vault_password_wrong`.
   */
  async unlock(password: string | null, by: Caller): Promise<void> {
    const store = this.access.store();
    const { record } = await this.access.stored();
    const keys = await this.access.unwrapped(record, password, by);
    const before = await this.access.current();
    const states = { before: { state: before?.state ?? null }, after: { state: 'unlocked' } };
    await this.deps.audit.record(entryOf(by, 'vault.unlocked', states));
    // Redis may say that it is open although it was locked: then no process opens it by itself before this.
    await store.setLocked(false);
    const isNewest = this.deps.vault.keys?.active.version === keys.active.version;
    if (before?.state === 'unlocked' && isNewest) return this.access.opened(keys, before);
    await this.open(keys, record.mode);
  }

  /** Drops the data keys everywhere, before anything else: with the database away it is neither noted nor remembered, but done. */
  async lock(by: Caller): Promise<void> {
    const { status, vault, session, audit } = this.deps;
    const store = this.access.store();
    const before = await this.access.current();
    if (before === null || before.state === 'uninitialised') throw vaultUninitialised();
    if (before.state === 'unlocked') {
      await status.say('locked', before.mode);
      await status.announce();
      await vault.look();
      await session.close();
    }
    const states = { before: { state: before.state }, after: { state: 'locked' } };
    await audit.record(entryOf(by, 'vault.locked', states));
    await store.setLocked(true);
  }

  /** A new password, a new data key, or the wrapping with a new encryption key: one of them. */
  async rotate(what: RotateVaultDto, by: Caller): Promise<void> {
    return this.rotation.rotate(what, by);
  }

  private async open(keys: DataKeys, mode: VaultMode): Promise<void> {
    const epoch = await this.deps.status.say('unlocked', mode);
    await this.access.opened(keys, { state: 'unlocked', mode, epoch });
  }
}

function noClusterSecret(): TokenhubError {
  return new TokenhubError(
    'vault_not_configured',
    'TOKENHUB_CLUSTER_SECRET is not set: without it no other process could be given the data key.',
  );
}

function alreadyThere(): TokenhubError {
  return new TokenhubError('vault_initialised');
}
