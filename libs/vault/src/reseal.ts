import type { DataKeys } from './data-keys.js';
import { boundName } from './escrow.js';
import { openText, sealText, versionOf } from './sealed-text.js';
import { vaultCorrupt } from './vault-error.js';

/** Seals a secret anew with the active of these keys. Throws `vault_corrupt`, which names it, when it does not open. */
export function resealWith(keys: DataKeys): (name: string, sealed: string) => string {
  return (name, sealed) => {
    const bound = boundName(name);
    const key = keys.find(versionOf(bound, sealed));
    if (key === undefined) throw vaultCorrupt(bound);
    return sealText(keys.active, bound, openText(key, bound, sealed));
  };
}
