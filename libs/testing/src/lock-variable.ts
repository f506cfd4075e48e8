/** The environment variable that names the file while which exists the vault of `fixed-vault.ts` is locked. */
export const LOCK_VARIABLE = 'FIXED_VAULT_LOCK';
