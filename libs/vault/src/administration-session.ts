import { TokenhubError } from '#contracts/error-catalogue.js';
import { keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { vaultLocked, vaultUninitialised } from './vault-error.js';
import type { VaultStatus } from './vault-status.js';

/**
 * Whether secrets may be set. The password opens it, for all API processes; after a while without use it closes by itself, and the vault
 * goes on serving those who need its secrets. Where there is no password it is open while the vault is.
 */
export class AdministrationSession {
  constructor(
    private readonly redis: RedisClient,
    /** Without use. */
    readonly closesAfterMs: number,
  ) {}

  async open({ epoch }: VaultStatus): Promise<void> {
    await this.redis.set(keys.vaultAdministration(), epoch, 'PX', this.closesAfterMs);
  }

  async close(): Promise<void> {
    await this.redis.del(keys.vaultAdministration());
  }

  /** Throws `vault_uninitialised`, `vault_locked` or `vault_administration_closed` unless secrets may be set; being used, it stays open. */
  async require(status: VaultStatus | null): Promise<void> {
    if (status?.state === 'uninitialised') throw vaultUninitialised();
    if (status?.state !== 'unlocked') throw vaultLocked();
    if (status.mode === 'env') return;
    const epoch = await this.redis.getex(keys.vaultAdministration(), 'PX', this.closesAfterMs);
    if (epoch === String(status.epoch)) return;
    throw new TokenhubError(
      'vault_administration_closed',
      'The administration of secrets has closed by itself: unlock the vault again with its password.',
    );
  }

  /** When it closes if nobody uses it (Unix ms); `never` where there is no password, null when it is closed. */
  async closesAt(status: VaultStatus | null): Promise<number | 'never' | null> {
    if (status?.state !== 'unlocked') return null;
    if (status.mode === 'env') return 'never';
    const key = keys.vaultAdministration();
    const [epoch, leftMs] = await Promise.all([this.redis.get(key), this.redis.pttl(key)]);
    return epoch === String(status.epoch) && leftMs > 0 ? Date.now() + leftMs : null;
  }
}
