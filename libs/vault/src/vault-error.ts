import { TokenhubError } from '#contracts/error-catalogue.js';

/** What is stored is not what was written: `what` says which record, and nothing of its content. */
export function vaultCorrupt(what: string, cause?: unknown): TokenhubError {
  return new TokenhubError('vault_corrupt', `The vault is not as it was written: ${what} cannot be read.`, { cause });
}

/** The data key is not in this process at this moment. */
export function vaultLocked(): TokenhubError {
  return new TokenhubError('vault_locked', 'The vault is locked: unlock it first.');
}

/** There is nothing to lock or unlock. */
export function vaultUninitialised(): TokenhubError {
  return new TokenhubError('vault_uninitialised', 'There is no vault yet: initialise it first.');
}

/** True for an error of this code. */
export function isVaultError(error: unknown, code: 'vault_corrupt' | 'vault_locked' | 'vault_password_wrong'): boolean {
  return error instanceof TokenhubError && error.code === code;
}
