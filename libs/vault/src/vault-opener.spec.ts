import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { DataKeys } from './data-keys.js';
import { VaultOpener } from './vault-opener.js';
import { wrapKeys } from './vault-record.js';

const encryptionKey = randomBytes(32);

/** A process beside a vault in mode env. */
function opener({ locked = false, key = encryptionKey }: { locked?: boolean; key?: Buffer | null }): VaultOpener {
  const record = wrapKeys({ id: randomUUID(), mode: 'env', kdf: null }, DataKeys.first(), encryptionKey);
  return new VaultOpener({
    store: { read: () => Promise.resolve({ record, locked, lockEpoch: 0, version: 1 }) },
    encryptionKey: key,
  });
}

it('a process with the encryption key opens the vault by itself', async () => {
  expect((await opener({}).open())?.all()).toHaveLength(1);
  expect(await opener({}).recall(false)).toEqual({ state: 'unlocked', mode: 'env' });
});

it('but not one that an administrator has locked, whatever Redis says, and whoever holds its key', async () => {
  expect(await opener({ locked: true }).open()).toBeNull();
  for (const held of [true, false]) {
    expect(await opener({ locked: true }).recall(held)).toEqual({ state: 'locked', mode: 'env' });
  }
});

it('one without the key cannot, and one with another says so', async () => {
  expect(await opener({ key: null }).open()).toBeNull();
  await expect(opener({ key: randomBytes(32) }).open()).rejects.toMatchObject({ code: 'vault_not_configured' });
});
