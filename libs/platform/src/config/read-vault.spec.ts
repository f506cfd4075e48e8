import { describe, expect, it } from '@jest/globals';
import { readVault } from './read-vault.js';

const CANARY = 'sk-canary-4711';
const encoded = (bytes: number): string => Buffer.alloc(bytes, 7).toString('base64');

describe('the vault is told', () => {
  it('its keys, which a configuration that is shown does not show', () => {
    const vault = readVault({ TOKENHUB_ENCRYPTION_KEY: encoded(32), TOKENHUB_CLUSTER_SECRET: 's'.repeat(32) });
    const { encryptionKey, clusterSecret } = vault.keys();
    expect([encryptionKey?.toString('base64'), clusterSecret?.toString()]).toEqual([encoded(32), 's'.repeat(32)]);
    expect(JSON.stringify(vault)).toBe('{"autoLockMs":900000}');
  });

  it('nothing where nothing is set', () => {
    expect(readVault({ TOKENHUB_ENCRYPTION_KEY: '', TOKENHUB_CLUSTER_SECRET: ' ' }).keys()).toEqual({
      encryptionKey: null,
      clusterSecret: null,
    });
  });

  it('for how long secrets may be set without use', () => {
    expect(readVault({ TOKENHUB_VAULT_AUTO_LOCK_MINUTES: '2' }).autoLockMs).toBe(120_000);
  });

  it.each([
    [{ TOKENHUB_ENCRYPTION_KEY: CANARY }, 'TOKENHUB_ENCRYPTION_KEY: must be the base64 of 32 bytes'],
    [{ TOKENHUB_ENCRYPTION_KEY: encoded(31) }, 'TOKENHUB_ENCRYPTION_KEY: must be the base64 of 32 bytes'],
    [{ TOKENHUB_ENCRYPTION_KEY: encoded(33) }, 'TOKENHUB_ENCRYPTION_KEY: must be the base64 of 32 bytes'],
    [{ TOKENHUB_ENCRYPTION_KEY: `${encoded(32)}!` }, 'TOKENHUB_ENCRYPTION_KEY: must be the base64 of 32 bytes'],
    [{ TOKENHUB_CLUSTER_SECRET: CANARY }, 'TOKENHUB_CLUSTER_SECRET: must have at least 32 bytes'],
    [{ TOKENHUB_CLUSTER_SECRET: 'k'.repeat(31) }, 'TOKENHUB_CLUSTER_SECRET: must have at least 32 bytes'],
    [{ TOKENHUB_VAULT_AUTO_LOCK_MINUTES: '0' }, 'TOKENHUB_VAULT_AUTO_LOCK_MINUTES: must be a whole number from 1'],
  ])('%j is refused by its name and not repeated', (env, expected) => {
    expect(() => readVault(env)).toThrow(expected);
    for (const value of Object.values(env)) if (value.length > 1) expect(() => readVault(env)).not.toThrow(value);
  });
});
