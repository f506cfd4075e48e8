import { decrypt, encrypt } from './aes-gcm.js';
import { vaultCorrupt } from './vault-error.js';

const FORM = /^v1\.([1-9]\d{0,8})\.([\w-]{16})\.([\w-]{22,})$/;

export interface DataKey {
  version: number;
  key: Buffer;
}

/** `v1.<version>.<nonce>.<ciphertext and tag>`; the name and the version are bound to it. */
export function sealText({ version, key }: DataKey, name: string, plaintext: string): string {
  const bytes = Buffer.from(plaintext, 'utf8');
  const { nonce, box } = encrypt(key, bytes, about(name, version));
  bytes.fill(0);
  return `v1.${version}.${nonce.toString('base64url')}.${box.toString('base64url')}`;
}

/** The version of the data key that a text was sealed with. Throws `vault_corrupt` for what is no sealed text. */
export function versionOf(name: string, sealed: string): number {
  const version = FORM.exec(sealed)?.[1];
  if (version === undefined) throw vaultCorrupt(name);
  return Number(version);
}

/** Throws `vault_corrupt`, which names the record, unless it is what was sealed under this name with this key. */
export function openText({ version, key }: DataKey, name: string, sealed: string): string {
  const [, sealedWith, nonce = '', box = ''] = FORM.exec(sealed) ?? [];
  if (Number(sealedWith) !== version) throw vaultCorrupt(name);
  const encrypted = { nonce: Buffer.from(nonce, 'base64url'), box: Buffer.from(box, 'base64url') };
  // Of the last character not every bit counts: another text must not open as if it were this one.
  const plaintext = encrypted.box.toString('base64url') === box ? decrypt(key, encrypted, about(name, version)) : null;
  if (plaintext === null) throw vaultCorrupt(name);
  const text = plaintext.toString('utf8');
  plaintext.fill(0);
  return text;
}

function about(name: string, version: number): string {
  return JSON.stringify(['tokenhub-secret', version, name]);
}
