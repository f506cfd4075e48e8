import { describe, expect, it } from '@jest/globals';
import type { CredentialSource } from '#contracts/registry-snapshot.js';
import { resolveCredential, type CredentialResult } from './credentials.js';

describe('resolveCredential', () => {
  const stores = {
    env: {
      ...{ OPENAI_API_KEY: 'sk-env', EMPTY: ' ' },
      ...{ TOKENHUB_ADMIN_TOKEN: 'a', tokenhub_api_key: 'b', REDIS_URL: 'c', DATABASE_URL: 'd', PGPASSWORD: 'e' },
    },
    configSecrets: new Map([['provider:a', 'sk-config']]),
    escrow: {
      find: (name: string): CredentialResult =>
        name === 'open'
          ? { state: 'resolved', secret: 'sk-vault' }
          : { state: 'unavailable', reason: 'the vault is locked' },
    },
  };

  it.each<[string, CredentialSource, CredentialResult]>([
    ['a', { source: 'none' }, { state: 'resolved', secret: null }],
    ['a', { source: 'env', name: 'OPENAI_API_KEY' }, { state: 'resolved', secret: 'sk-env' }],
    ['a', { source: 'env', name: 'ABSENT' }, { state: 'missing', reason: 'the variable ABSENT is not set' }],
    ['a', { source: 'env', name: 'EMPTY' }, { state: 'missing', reason: 'the variable EMPTY is not set' }],
    ['a', { source: 'env', name: 'constructor' }, { state: 'missing', reason: 'the variable constructor is not set' }],
    ...['TOKENHUB_ADMIN_TOKEN', 'tokenhub_api_key', 'REDIS_URL', 'DATABASE_URL', 'PGPASSWORD'].map(
      (name): [string, CredentialSource, CredentialResult] => [
        ...(['a', { source: 'env', name }] as const),
        { state: 'missing', reason: `the variable ${name} is Tokenhub's own` },
      ],
    ),
    ['a', { source: 'config' }, { state: 'resolved', secret: 'sk-config' }],
    [
      'b',
      { source: 'config' },
      { state: 'missing', reason: expect.stringContaining('provider b') as unknown as string },
    ],
    ['a', { source: 'escrow', name: 'open' }, { state: 'resolved', secret: 'sk-vault' }],
    ['a', { source: 'escrow', name: 'closed' }, { state: 'unavailable', reason: 'the vault is locked' }],
  ])('provider %s with %j', (id, credential, expected) => {
    expect(resolveCredential({ id, credential }, stores)).toEqual(expected);
  });

  it('without a vault a secret in it is missing', () => {
    const { escrow: _escrow, ...others } = stores;
    const found = resolveCredential({ id: 'a', credential: { source: 'escrow', name: 'open' } }, others);
    expect(found).toEqual({ state: 'missing', reason: 'this process has no vault' });
  });
});
