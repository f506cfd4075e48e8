import { channels, keys } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';
import { SnapshotStore } from '#registry/snapshot-store.js';
import type { SettingsDocument } from '#settings/settings-store.js';

/** The vault's secrets as every process knows them: nothing but ciphertext. */
export interface SealedSecrets {
  /** By name. */
  secrets: Record<string, string>;
}

/** The snapshots of the sealed secrets, over this connection. */
export function secretSnapshots(redis: RedisClient): SnapshotStore<SealedSecrets> {
  return new SnapshotStore<SealedSecrets>({ redis, key: keys.vaultSecrets(), channel: channels.vaultSecrets() });
}

/** What the store keeps, as it is published. */
export function sealedSecrets(documents: readonly SettingsDocument[]): SealedSecrets {
  return {
    secrets: Object.fromEntries(documents.map(({ id, definition }) => [id, (definition as { sealed: string }).sealed])),
  };
}
