import type { Cipher } from './cipher.js';
import type { DataKeys } from './data-keys.js';
import { openText, sealText, versionOf } from './sealed-text.js';
import { vaultLocked, vaultUninitialised } from './vault-error.js';

/**
 * The cipher of a process: it works while the process holds the data keys, and throws `vault_locked` otherwise, or `vault_uninitialised`
 * for what is to be sealed where there is no vault.
 */
export class LiveCipher implements Cipher {
  constructor(
    private readonly keys: () => DataKeys | null,
    private readonly exists: () => boolean = () => true,
  ) {}

  seal(name: string, plaintext: string): string {
    const keys = this.keys();
    if (keys === null) throw this.exists() ? vaultLocked() : vaultUninitialised();
    return sealText(keys.active, name, plaintext);
  }

  /** Throws `vault_corrupt` for what was not sealed under this name. A key that is newer than those held counts as not held. */
  open(name: string, sealed: string): string {
    const version = versionOf(name, sealed);
    const key = this.keys()?.find(version);
    if (key === undefined) throw vaultLocked();
    return openText(key, name, sealed);
  }
}
