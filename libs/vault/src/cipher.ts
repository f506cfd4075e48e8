/** Secrets as text that may be stored anywhere: `v1.<data key version>.<nonce>.<ciphertext and tag>`, base64url. */
export interface Cipher {
  seal(name: string, plaintext: string): string;
  open(name: string, sealed: string): string;
}

/** `@Inject(CIPHER)`: the process's Cipher. */
export const CIPHER = Symbol('cipher');
