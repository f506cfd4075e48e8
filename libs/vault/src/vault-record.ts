import { hash } from 'node:crypto';
import { canonicalJson } from '#registry/canonical-json.js';
import { decrypt, encrypt, KEY_BYTES } from './aes-gcm.js';
import { DataKeys } from './data-keys.js';
import type { PasswordKdf } from './key-encryption.js';
import type { DataKey } from './sealed-text.js';
import { vaultCorrupt } from './vault-error.js';

export const VAULT_MODES = ['env', 'password'] as const;
export type VaultMode = (typeof VAULT_MODES)[number];

/** A data key, encrypted with the key-encryption key: `<nonce>.<ciphertext and tag>`, base64url. */
export interface WrappedKey {
  version: number;
  wrapped: string;
}

/** What is kept of the vault: everything but the key that opens it. */
export interface VaultRecord {
  id: string;
  mode: VaultMode;
  /** Null in mode `env`. */
  kdf: PasswordKdf | null;
  /** In order of their versions; the last is the active one. */
  dataKeys: WrappedKey[];
}

/** A digest of the whole record: tells a record that was damaged from a wrong password. It is no protection against forgery, which fails at the tags. */
export function checksumOf({ id, mode, kdf, dataKeys }: VaultRecord): string {
  return hash('sha256', canonicalJson({ id, mode, kdf, dataKeys }), 'base64url');
}

/** The record's data keys, wrapped anew with this key-encryption key. */
export function wrapKeys(
  { id, mode, kdf }: Omit<VaultRecord, 'dataKeys'>,
  keys: DataKeys,
  encryptionKey: Buffer,
): VaultRecord {
  const dataKeys = keys.all().map(({ version, key }) => {
    const { nonce, box } = encrypt(encryptionKey, key, about({ id, mode }, version));
    return { version, wrapped: `${nonce.toString('base64url')}.${box.toString('base64url')}` };
  });
  return { id, mode, kdf, dataKeys };
}

/**
 * The data keys, or null when this is not the key-encryption key. Throws `vault_corrupt` when some of them open and others do not: then
 * the key is right, and the record is damaged.
 */
export function unwrapKeys(record: VaultRecord, encryptionKey: Buffer): DataKeys | null {
  const opened = record.dataKeys.map((wrapped) => ({
    version: wrapped.version,
    key: unwrap(record, wrapped, encryptionKey),
  }));
  const entries = opened.filter((entry): entry is DataKey => entry.key !== null);
  const damaged = opened.find(({ key }) => key === null);
  if (damaged && entries.length === 0) return null;
  if (damaged || entries.length === 0) {
    for (const { key } of entries) key.fill(0);
    throw vaultCorrupt(damaged ? `version ${damaged.version} of the data key` : 'the vault record');
  }
  return DataKeys.of(entries);
}

function unwrap(record: VaultRecord, { version, wrapped }: WrappedKey, encryptionKey: Buffer): Buffer | null {
  const [nonce = '', box = ''] = wrapped.split('.');
  const encrypted = { nonce: Buffer.from(nonce, 'base64url'), box: Buffer.from(box, 'base64url') };
  const key = decrypt(encryptionKey, encrypted, about(record, version));
  return key?.length === KEY_BYTES ? key : null;
}

function about({ id, mode }: Pick<VaultRecord, 'id' | 'mode'>, version: number): string {
  return JSON.stringify(['tokenhub-data-key', id, mode, version]);
}
