import { existsSync } from 'node:fs';
import { registerHooks } from 'node:module';
import process from 'node:process';
import type { Cipher } from '#vault/cipher.js';
import { FixedCipher } from './fixed-cipher.js';
import { LOCK_VARIABLE } from './lock-variable.js';

/*
 * Loaded into a real process with `--import`, gives it a vault that is open unless a file exists: in the place of `absent-vault.js`.
 */

/** Stands in the place of the real one's. */
export const ABSENT_VAULT: Cipher = new FixedCipher(() => existsSync(process.env[LOCK_VARIABLE] ?? ''));

registerHooks({
  resolve: (specifier, context, next) =>
    specifier === '#vault/absent-vault.js' ? next(import.meta.url, context) : next(specifier, context),
});
