import { describe, expect, it } from '@jest/globals';
import type { CredentialSource } from '#contracts/registry-snapshot.js';
import { resolveCredential, type CredentialResult } from './credentials.js';

describe('resolveCredential', () => {
  const stores = {
    env: { OPENAI_API_KEY: 'sk-env', EMPTY: ' ' },
    configSecrets: new Map([['provider:a', 'sk-config']]),
  };

  it.each<[string, CredentialSource, CredentialResult]>([
    ['a', { source: 'none' }, { state: 'resolved', secret: null }],
    ['a', { source: 'env', name: 'OPENAI_API_KEY' }, { state: 'resolved', secret: 'sk-env' }],
    ['a', { source: 'env', name: 'ABSENT' }, { state: 'missing', reason: 'the variable ABSENT is not set' }],
    ['a', { source: 'env', name: 'EMPTY' }, { state: 'missing', reason: 'the variable EMPTY is not set' }],
    ['a', { source: 'config' }, { state: 'resolved', secret: 'sk-config' }],
    [
      'b',
      { source: 'config' },
      { state: 'missing', reason: expect.stringContaining('provider b') as unknown as string },
    ],
    ['a', { source: 'escrow', name: 'openai' }, { state: 'unavailable', reason: 'this version has no vault' }],
  ])('provider %s with %j', (id, credential, expected) => {
    expect(resolveCredential({ id, credential }, stores)).toEqual(expected);
  });
});
