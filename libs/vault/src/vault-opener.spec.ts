import { randomBytes, randomUUID } from 'node:crypto';
import { expect, it } from '@jest/globals';
import { DataKeys } from './data-keys.js';
import { VaultOpener } from './vault-opener.js';
import { wrapKeys, type VaultMode } from './vault-record.js';

const encryptionKey = randomBytes(32);

/** A process beside a vault, in mode env unless it is another. */
function opener({
  locked = false,
  key = encryptionKey,
  mode = 'env',
}: {
  locked?: boolean;
  key?: Buffer | null;
  mode?: VaultMode;
}): VaultOpener {
  const record = wrapKeys({ id: randomUUID(), mode, kdf: null }, DataKeys.first(), encryptionKey);
  return new VaultOpener({
    store: { read: () => Promise.resolve({ record, locked, lockEpoch: 0, version: 1 }) },
    encryptionKey: key,
  });
}

it('a process with the encryption key opens the vault by itself', async () => {
  expect((await opener({}).open())?.all()).toHaveLength(1);
  expect(await opener({}).recall(false)).toEqual({ state: 'unlocked', mode: 'env', isGuess: false });
});

it('but not one that an administrator has locked, whatever Redis says, and whoever holds its key', async () => {
  expect(await opener({ locked: true }).open()).toBeNull();
  for (const held of [true, false]) {
    expect(await opener({ locked: true }).recall(held)).toEqual({ state: 'locked', mode: 'env', isGuess: false });
  }
});

it('that a vault with a password is locked is a guess of who does not hold its key, unless an administrator has locked it', async () => {
  const locked = { state: 'locked', mode: 'password' };
  expect(await opener({ mode: 'password' }).recall(false)).toEqual({ ...locked, isGuess: true });
  expect(await opener({ mode: 'password', locked: true }).recall(false)).toEqual({ ...locked, isGuess: false });
  expect(await opener({ mode: 'password' }).recall(true)).toMatchObject({ state: 'unlocked', isGuess: false });
});

it('one without the key cannot, and one with another says so', async () => {
  expect(await opener({ key: null }).open()).toBeNull();
  await expect(opener({ key: randomBytes(32) }).open()).rejects.toMatchObject({ code: 'vault_not_configured' });
});
