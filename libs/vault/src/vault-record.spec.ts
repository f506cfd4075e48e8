import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { DataKeys } from './data-keys.js';
import { isPasswordKdf, keyOfPassword, newPasswordKdf, type PasswordKdf } from './key-encryption.js';
import { checksumOf, unwrapKeys, wrapKeys, type VaultRecord } from './vault-record.js';

const encryptionKey = randomBytes(32);
const keys = DataKeys.first().withNext();
const frame = { id: '0195d3c0-0000-7000-8000-000000000001', mode: 'env', kdf: null } as const;
const record = wrapKeys(frame, keys, encryptionKey);

/** The record with this in the place of one wrapped key. */
const withWrapped = (version: number, wrapped: string): VaultRecord => ({
  ...record,
  dataKeys: record.dataKeys.map((entry) => (entry.version === version ? { version, wrapped } : entry)),
});
const wrappedOf = (version: number): string => record.dataKeys.find((one) => one.version === version)?.wrapped ?? '';
const corrupt = expect.objectContaining({ code: 'vault_corrupt' });

describe('the record', () => {
  it('gives the data keys to the key-encryption key, and holds none of them in clear', () => {
    expect(unwrapKeys(record, encryptionKey)?.all()).toStrictEqual(keys.all());
    for (const { key } of keys.all()) {
      for (const form of ['base64', 'base64url', 'hex'] as const)
        expect(JSON.stringify(record)).not.toContain(key.toString(form));
    }
  });

  it.each([
    ['another key', record, randomBytes(32)],
    ['another vault', { ...record, id: '0195d3c0-0000-7000-8000-000000000002' }, encryptionKey],
    ['another mode', { ...record, mode: 'password' as const }, encryptionKey],
  ])('opens for nobody with %s', (_what, other, key) => {
    expect(unwrapKeys(other, key)).toBeNull();
  });

  it.each([
    [
      'damaged',
      withWrapped(
        2,
        wrappedOf(2).replace(/.$/, (last) => (last === 'A' ? 'E' : 'A')),
      ),
    ],
    ['cut short', withWrapped(2, wrappedOf(2).slice(0, 20))],
    ['empty', withWrapped(2, '')],
    ['that of another version', withWrapped(2, wrappedOf(1))],
  ])('one whose newer data key is %s says so: the key is right, the record is not', (_how, damaged) => {
    expect(() => unwrapKeys(damaged, encryptionKey)).toThrow(corrupt);
    expect(() => unwrapKeys(damaged, encryptionKey)).toThrow('version 2 of the data key');
  });

  it('without data keys is no record', () => {
    expect(() => unwrapKeys({ ...record, dataKeys: [] }, encryptionKey)).toThrow(corrupt);
  });

  it('any change of it changes its checksum', () => {
    const others: VaultRecord[] = [
      { ...record, id: 'x' },
      { ...record, mode: 'password' },
      { ...record, kdf: newPasswordKdf() },
      { ...record, dataKeys: record.dataKeys.slice(1) },
      withWrapped(1, wrappedOf(2)),
    ];
    const sums = [record, ...others].map(checksumOf);
    expect(new Set(sums).size).toBe(sums.length);
  });
});

describe('a password', () => {
  const cheap: PasswordKdf = { ...newPasswordKdf(), memoryKib: 19_456, passes: 1, parallelism: 1 };

  it('is hashed with 64 MiB, three passes, four lanes and a salt of its own', () => {
    const [one, other] = [newPasswordKdf(), newPasswordKdf()];
    expect(one).toMatchObject({ algorithm: 'argon2id', memoryKib: 65_536, passes: 3, parallelism: 4 });
    expect(Buffer.from(one.salt, 'base64')).toHaveLength(16);
    expect(one.salt).not.toBe(other.salt);
    expect(isPasswordKdf(one)).toBe(true);
  });

  it('gives the same key for the same salt and parameters, and another for anything else', async () => {
    const words = ['correct horse battery', 'correct horse batterx', 'correct horse battery '];
    const [key, ...others] = await Promise.all(words.map((word) => keyOfPassword(word, cheap)));
    expect(key).toStrictEqual(await keyOfPassword('correct horse battery', cheap));
    const salted = await keyOfPassword('correct horse battery', { ...cheap, salt: newPasswordKdf().salt });
    const dearer = await keyOfPassword('correct horse battery', { ...cheap, passes: 2 });
    for (const other of [...others, salted, dearer]) expect(other).not.toStrictEqual(key);
  });

  it('is the same however a keyboard writes its letters', async () => {
    const [composed, combined] = ['gänsefüßchen12', 'ga\u0308nsefu\u0308ßchen12'];
    expect(await keyOfPassword(composed, cheap)).toStrictEqual(await keyOfPassword(combined, cheap));
  });

  it('is hashed off the event loop', async () => {
    let turns = 0;
    const turning = setInterval(() => turns++, 1);
    await keyOfPassword('a password of some length', newPasswordKdf());
    clearInterval(turning);
    expect(turns).toBeGreaterThan(5);
  });

  it.each<[string, object]>([
    ['takes the machine’s memory', { memoryKib: 2_000_000 }],
    ['takes for ever', { passes: 1_000_000 }],
    ['is cheap to guess', { memoryKib: 8 }],
    ['has no salt', { salt: '' }],
    ['is of another algorithm', { algorithm: 'argon2i' }],
    ['has a parameter that is no number', { passes: '3' }],
    ['lacks a parameter', { parallelism: undefined }],
  ])('a record whose hashing %s is refused', (_what, change) => {
    expect(isPasswordKdf({ ...newPasswordKdf(), ...change })).toBe(false);
  });

  it.each([null, undefined, 'argon2id', []])('%j is no way to hash one', (value) => {
    expect(isPasswordKdf(value)).toBe(false);
  });
});
