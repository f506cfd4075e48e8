import { TokenhubError } from '#contracts/error-catalogue.js';
import type { DataKeys } from './data-keys.js';
import { unwrapKeys, type VaultMode } from './vault-record.js';
import type { VaultStore } from './vault-store.js';
import type { VaultState } from './vault-status.js';

export interface VaultOpenerDeps {
  store: Pick<VaultStore, 'read'>;
  /** `TOKENHUB_ENCRYPTION_KEY`; null where it is not set. */
  encryptionKey: Buffer | null;
}

/** How it is with the vault, as far as a process knows by itself. */
export interface Recalled {
  state: VaultState;
  mode: VaultMode | null;
  isGuess: boolean;
}

/** What a process that reaches the database knows of the vault by itself. */
export class VaultOpener {
  constructor(private readonly deps: VaultOpenerDeps) {}

  /**
   * The data keys, where this process has the key that they are wrapped with; null where it has not, and where an administrator has locked
   * the vault: a Redis that forgot it, or was told otherwise, opens nothing. Throws `vault_corrupt`, or `vault_not_configured` when the
   * key is another.
   */
  async open(): Promise<DataKeys | null> {
    const { store, encryptionKey } = this.deps;
    if (encryptionKey === null) return null;
    const vault = await store.read();
    if (vault?.record.mode !== 'env' || vault.locked) return null;
    const keys = unwrapKeys(vault.record, encryptionKey);
    if (keys === null) throw wrongEncryptionKey();
    return keys;
  }

  /**
   * How it is with the vault where Redis does not say; `held` tells whether this process holds the data keys. It is no more than a guess
   * where others may hold them.
   */
  async recall(held: boolean): Promise<Recalled> {
    const vault = await this.deps.store.read();
    if (vault === null) return { state: 'uninitialised', mode: null, isGuess: false };
    const { mode } = vault.record;
    const open = !vault.locked && (held || mode === 'env');
    return { state: open ? 'unlocked' : 'locked', mode, isGuess: !open && !vault.locked };
  }
}

/** The answer where the variable holds another key than the vault was made with. */
export function wrongEncryptionKey(): TokenhubError {
  return new TokenhubError(
    'vault_not_configured',
    'TOKENHUB_ENCRYPTION_KEY of this process is not the key that the vault is encrypted with.',
  );
}
