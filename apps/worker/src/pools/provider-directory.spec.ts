import { afterEach, describe, expect, it } from '@jest/globals';
import type { CredentialSource, Model, Provider } from '#contracts/registry-snapshot.js';
import { secretNames } from '#platform/config/config.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { Registry } from '#registry/registry.js';
import { ProviderDirectory } from './provider-directory.js';

const provider = (id: string, credential: CredentialSource, enabled = true): Provider =>
  ({ id, credential, enabled }) as Provider;
const model = (id: string, from: string, enabled = true): Model =>
  ({ id, provider: from, enabled, contextTokens: 8_000, limits: null }) as Model;

const registry = new Registry({
  version: 1,
  providers: [
    provider('open', { source: 'none' }),
    provider('env', { source: 'env', name: 'KEY' }),
    provider('lost', { source: 'env', name: 'NO_KEY' }),
    provider('file', { source: 'config' }),
    provider('vault', { source: 'escrow', name: 'x' }),
    provider('off', { source: 'none' }, false),
  ],
  models: [model('m', 'open'), model('retired', 'open', false), model('away', 'off'), model('orphan', 'nobody')],
  aliases: [],
});
const live = { current: registry };
let open = false;
afterEach(() => {
  open = false;
});
const directory = new ProviderDirectory(live as LiveRegistry, {
  env: { KEY: 'secret-1' },
  configSecrets: new Map([[secretNames.provider('file'), 'secret-2']]),
  escrow: {
    find: () =>
      open ? { state: 'resolved', secret: 'secret-3' } : { state: 'unavailable', reason: 'the vault is locked' },
  },
});
const found = (id: string): Provider => registry.provider(id) ?? provider(id, { source: 'none' });

describe('a model’s place', () => {
  it('is the model with its provider', () => {
    expect(directory.place('m')).toStrictEqual({ model: registry.model('m'), provider: registry.provider('open') });
  });

  it.each(['retired', 'away', 'orphan', 'unknown', ''])('%j has none: another candidate may', (id) => {
    expect(() => directory.place(id)).toThrow(
      expect.objectContaining({
        errorClass: 'provider_fault',
        options: { code: 'model_unavailable', blames: 'nobody' },
      }),
    );
  });

  it('changes with the registry', () => {
    const changing = { current: registry };
    const following = new ProviderDirectory(changing as LiveRegistry, { env: {}, configSecrets: new Map() });
    changing.current = Registry.empty();
    expect(following.model('m')).toBeUndefined();
    expect(() => following.place('m')).toThrow('no longer available');
  });
});

it.each<[string, [string, number][], number | undefined]>([
  ['as configured', [], 8_000],
  ['as its servers tell, where they have less', [['m', 4_000]], 4_000],
  ['as configured, where its servers have more', [['m', 16_000]], 8_000],
])('a model’s window is %s', (_name, told, window) => {
  const views = { contextTokens: new Map(told) };
  expect(directory.contextTokensOf('m', views)).toBe(window);
  expect(directory.contextTokensOf('unknown', views)).toBeUndefined();
});

describe('a credential', () => {
  it.each([
    ['open', null],
    ['env', 'secret-1'],
    ['file', 'secret-2'],
  ])('of %s', (id, secret) => expect(directory.credentialOf(found(id))).toBe(secret));

  it.each([
    ['lost', 'credential_missing', 'NO_KEY'],
    ['vault', 'credential_unavailable', 'vault'],
  ])('of %s is not there: another candidate may do', (id, code, named) => {
    expect(() => directory.credentialOf(found(id))).toThrow(
      expect.objectContaining({ errorClass: 'provider_fault', options: { code, blames: 'nobody' } }),
    );
    expect(() => directory.credentialOf(found(id))).toThrow(named);
  });

  it('decides which providers this process could call', () => {
    expect(directory.readableProviders()).toStrictEqual(['open', 'env', 'file', 'off']);
  });

  it('in the vault is there while it is open', () => {
    expect(directory.isLockedOut('vault')).toBe(true);
    expect(directory.lockedOutProviders()).toStrictEqual(['vault']);
    expect(directory.missingCredentials()).toStrictEqual(
      new Map([
        ['lost', 'credential_missing'],
        ['vault', 'vault_locked'],
      ]),
    );
    open = true;
    expect(directory.credentialOf(found('vault'))).toBe('secret-3');
    expect(directory.isLockedOut('vault')).toBe(false);
    expect(directory.missingCredentials()).toStrictEqual(new Map([['lost', 'credential_missing']]));
  });

  it('that is simply not there locks nobody out', () => {
    expect(['open', 'lost', 'unknown'].map((id) => directory.isLockedOut(id))).toStrictEqual([false, false, false]);
  });
});
