import type { DoneBy } from '#audit/audit-log.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { newPasswordKdf } from '#vault/key-encryption.js';
import { resealWith } from '#vault/reseal.js';
import { vaultLocked } from '#vault/vault-error.js';
import type { VaultRecord } from '#vault/vault-record.js';
import { changedMeanwhile, entryOf, orWiped, type VaultAccess, type VaultAccessDeps } from './vault-access.js';
import type { RotateVaultDto } from './vault.dto.js';

export interface VaultRotationDeps extends Pick<VaultAccessDeps, 'status' | 'vault' | 'audit'> {
  access: VaultAccess;
  /** Makes every process know the secrets as they are sealed now. */
  publishSecrets: () => Promise<void>;
}

/** A new password, a new data key, or the wrapping with a new encryption key. What it refuses leaves the record as it was. */
export class VaultRotation {
  constructor(private readonly deps: VaultRotationDeps) {}

  /** One of them. */
  async rotate(
    { password, new_password: next, data_key: dataKey, encryption_key: rewrap }: RotateVaultDto,
    by: DoneBy,
  ): Promise<void> {
    if ([next, dataKey, rewrap].filter((one) => one != null).length !== 1) {
      throw new TokenhubError('invalid_request', 'Give one of new_password, data_key and encryption_key.');
    }
    if (next != null) return this.rotatePassword({ password: password ?? null, next }, by);
    return dataKey ? this.rotateDataKey(password ?? null, by) : this.rotateEncryptionKey(by);
  }

  private async rotatePassword(
    { password, next }: { password: string | null; next: string },
    by: DoneBy,
  ): Promise<void> {
    const { access, audit } = this.deps;
    const { record, version } = await access.stored();
    if (record.mode !== 'password') {
      throw new TokenhubError('invalid_value', 'This vault has no password: its mode is env.', {
        param: 'new_password',
      });
    }
    const keys = await access.unwrapped(record, password, by);
    const frame = { id: record.id, mode: record.mode, kdf: newPasswordKdf() };
    const rotated = await access.wrapped(frame, keys, next).finally(() => keys.wipe());
    await audit.around(entryOf(by, 'vault.password_rotated'), () => this.replace(rotated, version));
  }

  /** The keys before stay in the record: what other parts have sealed with them can still be opened. */
  private async rotateDataKey(password: string | null, by: DoneBy): Promise<void> {
    const { access, audit, publishSecrets } = this.deps;
    const { record, version, locked } = await access.stored();
    if (locked || (await access.current())?.state !== 'unlocked') throw vaultLocked();
    const before = await access.unwrapped(record, password, by);
    const keys = before.withNext();
    before.wipe();
    const epoch = await orWiped(keys, async () => {
      const rotated = await access.wrapped(record, keys, password);
      const versions = { before: newestOf(record), after: newestOf(rotated) };
      // What is still under way in the database when this fails cannot seal anything any more, and is undone.
      await audit.around(entryOf(by, 'vault.data_key_rotated', versions), async () => {
        const isDone = await access.store().rotate({ record: rotated, version }, resealWith(keys));
        if (!isDone) throw changedMeanwhile();
      });
      return this.makeKnown(record);
    });
    await access.opened(keys, { state: 'unlocked', mode: record.mode, epoch });
    await publishSecrets();
  }

  /** The epoch of the new keys. Somebody may have locked the vault since the rotation began, and it stays so. */
  private async makeKnown({ mode }: Pick<VaultRecord, 'mode'>): Promise<number> {
    const { status, publishSecrets } = this.deps;
    const epoch = await status.sayUnlessLocked('unlocked', mode);
    if (epoch !== null) return epoch;
    await publishSecrets();
    throw new TokenhubError('vault_locked', 'The data key is rotated; the vault was locked meanwhile, and stays so.');
  }

  /** For a process that was given the data keys by others, and a new encryption key by its environment. */
  private async rotateEncryptionKey(by: DoneBy): Promise<void> {
    const { access, audit, vault } = this.deps;
    const { record, version } = await access.stored();
    if (record.mode !== 'env') {
      throw new TokenhubError('invalid_value', 'The mode of this vault is password.', { param: 'encryption_key' });
    }
    const status = await access.current();
    const { keys, holds } = vault;
    if (keys === null || status?.state !== 'unlocked') throw vaultLocked();
    // Others may have a newer one, which this process has not been given yet: it must not get lost.
    const isNewest = holds === status.epoch && versionsOf(keys.all()) === versionsOf(record.dataKeys);
    if (!isNewest) throw changedMeanwhile();
    const rotated = await access.wrapped(record, keys, null);
    await audit.around(entryOf(by, 'vault.encryption_key_rotated'), () => this.replace(rotated, version));
    await vault.tryItself();
  }

  private async replace(record: VaultRecord, version: number): Promise<void> {
    if (!(await this.deps.access.store().replace(record, version))) throw changedMeanwhile();
  }
}

function newestOf({ dataKeys }: VaultRecord): object {
  return { data_key_version: dataKeys.at(-1)?.version ?? null };
}

function versionsOf(dataKeys: readonly { version: number }[]): string {
  return dataKeys.map(({ version }) => version).join();
}
