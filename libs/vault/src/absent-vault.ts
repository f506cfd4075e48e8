import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Cipher } from './cipher.js';

/** Where no vault was ever initialised: nothing can be sealed, and nothing that was can be opened. */
export const ABSENT_VAULT: Cipher = { seal: refuse, open: refuse };

function refuse(): never {
  throw new TokenhubError('vault_uninitialised', 'Secrets are kept in the vault, and it is not initialised.');
}
