import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';

/** Of every key here, in bytes. */
export const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const ALGORITHM = 'aes-256-gcm';

/** A ciphertext with its tag, and the nonce that it was made with. */
export interface Encrypted {
  nonce: Buffer;
  box: Buffer;
}

/** AES-256-GCM with a random nonce of 96 bits; `about` is bound to it, and must be the same to decrypt. */
export function encrypt(key: Buffer, plaintext: Buffer, about: string): Encrypted {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(about, 'utf8'));
  const box = Buffer.concat([cipher.update(plaintext), cipher.final(), cipher.getAuthTag()]);
  return { nonce, box };
}

/** Null, and never a part of the plaintext, unless key, `about` and every byte are those of `encrypt`. */
export function decrypt(key: Buffer, { nonce, box }: Encrypted, about: string): Buffer | null {
  if (nonce.length !== NONCE_BYTES || box.length < TAG_BYTES) return null;
  const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(about, 'utf8'));
  decipher.setAuthTag(box.subarray(-TAG_BYTES));
  const plaintext = decipher.update(box.subarray(0, -TAG_BYTES));
  try {
    decipher.final();
    return plaintext;
  } catch {
    plaintext.fill(0);
    return null;
  }
}
