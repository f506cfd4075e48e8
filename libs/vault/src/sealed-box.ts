import sodium from 'libsodium-wrappers';

/** An X25519 key pair that lives and ends with its process. */
export interface BoxKeyPair {
  publicKey: Uint8Array;
  privateKey: Uint8Array;
}

/** Resolves once the library can be used; the other functions here must not be called before. */
export async function sealedBoxesReady(): Promise<void> {
  await sodium.ready;
}

export function newBoxKeyPair(): BoxKeyPair {
  const { publicKey, privateKey } = sodium.crypto_box_keypair();
  return { publicKey, privateKey };
}

/** Encrypts for the owner of this public key alone. Throws for what is no public key. */
export function sealBox(content: Uint8Array, publicKey: Uint8Array): Uint8Array {
  return sodium.crypto_box_seal(content, publicKey);
}

/** Null for what was not sealed for this pair. */
export function openBox(box: Uint8Array, { publicKey, privateKey }: BoxKeyPair): Uint8Array | null {
  try {
    return sodium.crypto_box_seal_open(box, publicKey, privateKey);
  } catch {
    // It throws an error of no class for whatever does not open.
    return null;
  }
}
