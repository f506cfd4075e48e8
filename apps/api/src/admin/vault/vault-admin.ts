import { randomUUID } from 'node:crypto';
import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { DataKeys } from '#vault/data-keys.js';
import { newPasswordKdf } from '#vault/key-encryption.js';
import { vaultUninitialised } from '#vault/vault-error.js';
import type { VaultMode } from '#vault/vault-record.js';
import type { VaultStatus } from '#vault/vault-status.js';
import type { StoredVault } from '#vault/vault-store.js';
import { changedMeanwhile, entryOf, orWiped, VaultAccess, type VaultAccessDeps } from './vault-access.js';
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
  async init({ mode, password }: { mode: VaultMode; password: string | null }, by: DoneBy): Promise<void> {
    const store = this.access.store();
    if (this.deps.keys.clusterSecret === null) throw noClusterSecret();
    if ((await store.read()) !== null) throw alreadyThere();
    const kdf = mode === 'password' ? newPasswordKdf() : null;
    const frame = { id: randomUUID(), mode, kdf };
    const keys = DataKeys.first();
    const epoch = await orWiped(keys, async () => {
      const record = await this.access.wrapped(frame, keys, password);
      await this.deps.audit.around(entryOf(by, 'vault.initialised', { after: { mode } }), async () => {
        if (!(await store.insert(record))) throw alreadyThere();
      });
      return this.deps.status.say('unlocked', mode);
    });
    await this.access.opened(keys, { state: 'unlocked', mode, epoch });
  }

  /**
   * Opens the vault, or only its administration where it is open and this process has its newest data key. Throws
   * `vault_password_wrong`.
   */
  async unlock(password: string | null, by: DoneBy): Promise<void> {
    const stored = await this.access.stored();
    const keys = await this.access.unwrapped(stored.record, password, by);
    const status = await orWiped(keys, async () => {
      const before = await this.access.current();
      const states = { before: { state: before?.state ?? null }, after: { state: 'unlocked' } };
      return this.deps.audit.around(entryOf(by, 'vault.unlocked', states), () =>
        this.sayUnlocked(stored, { keys, before }),
      );
    });
    await this.access.opened(keys, status);
  }

  /** Drops the data keys everywhere, before anything else: with the database away it is neither noted nor remembered, but done. */
  async lock(by: DoneBy): Promise<void> {
    const { status, vault, session, audit } = this.deps;
    const store = this.access.store();
    const before = await this.access.current();
    if (before?.state === 'uninitialised') throw vaultUninitialised();
    const { mode } = before ?? (await this.access.stored()).record;
    // Locked as it may be: only what is said anew is newer than an unlocking that is under way.
    const epoch = await status.say('locked', mode);
    await status.announce();
    await vault.look();
    await session.close();
    await store.lock(epoch);
    const states = { before: { state: before?.state ?? null }, after: { state: 'locked' } };
    await audit.record(entryOf(by, 'vault.locked', states));
  }

  /** A new password, a new data key, or the wrapping with a new encryption key: one of them. */
  async rotate(what: RotateVaultDto, by: DoneBy): Promise<void> {
    return this.rotation.rotate(what, by);
  }

  /**
   * The keys are those of the record, and what was said before is what it is said over: whoever has rotated or locked the vault since is
   * newer.
   */
  private async sayUnlocked(
    { record: { mode }, version, lockEpoch }: StoredVault,
    { keys, before }: { keys: DataKeys; before: VaultStatus | null },
  ): Promise<VaultStatus> {
    const { status, vault } = this.deps;
    // Redis may say that it is open although it was locked: then no process opens it by itself before this.
    const unlocks = { version, epoch: Math.max(lockEpoch, before?.epoch ?? 0) };
    if (!(await this.access.store().unlock(unlocks))) throw changedMeanwhile();
    const isNewest = vault.holds === before?.epoch && vault.keys?.active.version === keys.active.version;
    if (before?.state === 'unlocked' && isNewest) return before;
    const epoch = await status.sayAfter(before, { state: 'unlocked', mode });
    if (epoch === null) throw changedMeanwhile();
    return { state: 'unlocked', mode, epoch };
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
