import { TokenhubError } from '#contracts/error-catalogue.js';
import type { VaultKeys } from '#platform/config/config.js';
import { readProcesses, type SeenProcess } from '#platform/process-identity.js';
import type { RedisClient } from '#platform/redis.js';
import type { AdministrationSession } from '#vault/administration-session.js';
import type { LiveVault } from '#vault/live-vault.js';
import { isVaultError } from '#vault/vault-error.js';
import type { VaultState, VaultStatus } from '#vault/vault-status.js';
import type { StoredVault, VaultStore } from '#vault/vault-store.js';

export interface VaultViewDeps {
  redis: RedisClient;
  /** Null where there is no database. */
  store: VaultStore | null;
  vault: LiveVault;
  keys: VaultKeys;
  session: AdministrationSession;
}

/** How it is with the vault, for the administrator. Throws `settings_not_kept` where there is no database. */
export async function readVaultView({ redis, store, vault, keys, session }: VaultViewDeps): Promise<object> {
  if (store === null) {
    throw new TokenhubError('settings_not_kept', 'The vault is kept in a database: set TOKENHUB_DATABASE_URL.');
  }
  await vault.look();
  const { status } = vault;
  const [{ stored, fault }, processes, closesAt] = await Promise.all([
    readRecord(store),
    readProcesses(redis),
    session.closesAt(status),
  ]);
  const holders = processes.map(({ id, role, vaultEpoch }) => ({ id, role, key: holds(vaultEpoch, status) }));
  const held = vault.holds !== null || holders.some(({ key }) => key);
  return {
    object: 'vault',
    state: stateOf(status, { stored, held }),
    mode: status?.mode ?? stored?.record.mode ?? null,
    epoch: status?.epoch ?? null,
    data_key_version: stored?.record.dataKeys.at(-1)?.version ?? null,
    administration: {
      open: closesAt !== null,
      closes_at: typeof closesAt === 'number' ? new Date(closesAt).toISOString() : null,
      auto_lock_minutes: status?.mode === 'env' ? null : session.closesAfterMs / 60_000,
    },
    processes: holders,
    this_process: {
      key: vault.holds !== null,
      encryption_key: keys.encryptionKey !== null,
      cluster_secret: keys.clusterSecret !== null,
    },
    // A record that is damaged may be what this process has found, too.
    warnings: [...new Set([...(fault === null ? [] : [fault]), ...warningsOf(vault, keys)])],
  };
}

function stateOf(
  status: VaultStatus | null,
  { stored, held }: { stored: StoredVault | null; held: boolean },
): VaultState {
  // For a moment nothing is said: Redis has lost its data.
  if (status === null) return stored === null ? 'uninitialised' : 'locked';
  // Open, but nobody has the key any more: every process has ended since.
  return status.state === 'unlocked' && !held ? 'locked' : status.state;
}

function holds(vaultEpoch: SeenProcess['vaultEpoch'], status: VaultStatus | null): boolean {
  return typeof vaultEpoch === 'number' && vaultEpoch === status?.epoch;
}

async function readRecord(store: VaultStore): Promise<{ stored: StoredVault | null; fault: string | null }> {
  try {
    return { stored: await store.read(), fault: null };
  } catch (error) {
    if (!(error instanceof TokenhubError) || !isVaultError(error, 'vault_corrupt')) throw error;
    return { stored: null, fault: error.message };
  }
}

function warningsOf(vault: LiveVault, { clusterSecret }: VaultKeys): string[] {
  const alone =
    'TOKENHUB_CLUSTER_SECRET is not set: this process can neither be given the data key nor give it to others.';
  return [...(clusterSecret === null ? [alone] : []), ...(vault.fault === null ? [] : [vault.fault])];
}
