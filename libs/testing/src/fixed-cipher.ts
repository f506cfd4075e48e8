import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Cipher } from '#vault/cipher.js';

const KEY = Buffer.alloc(32, 7);
const TAG_BYTES = 16;

/** AES-256-GCM under a key that everybody knows: what a vault does, for tests of those who use one. */
export class FixedCipher implements Cipher {
  /** While this gives true, both throw `vault_locked`. */
  constructor(private readonly isLocked: () => boolean = () => false) {}

  seal(name: string, plaintext: string): string {
    this.requireOpen();
    const nonce = randomBytes(12);
    const cipher = createCipheriv('aes-256-gcm', KEY, nonce).setAAD(Buffer.from(name));
    const sealed = Buffer.concat([cipher.update(plaintext, 'utf8'), cipher.final(), cipher.getAuthTag()]);
    return ['v1', '1', nonce.toString('base64url'), sealed.toString('base64url')].join('.');
  }

  open(name: string, sealed: string): string {
    this.requireOpen();
    const [, , nonce = '', text = ''] = sealed.split('.');
    const bytes = Buffer.from(text, 'base64url');
    const decipher = createDecipheriv('aes-256-gcm', KEY, Buffer.from(nonce, 'base64url')).setAAD(Buffer.from(name));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return decipher.update(bytes.subarray(0, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8');
  }

  private requireOpen(): void {
    if (this.isLocked()) throw new TokenhubError('vault_locked');
  }
}
