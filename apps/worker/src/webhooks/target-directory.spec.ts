import { expect, it } from '@jest/globals';
import type { SecretSource, WebhookProject } from '#platform/config/config.js';
import type { CredentialResult } from '#registry/credentials.js';
import { TargetDirectory } from './target-directory.js';

const GOOD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;

function directory(webhookSecret: SecretSource | null, env: Record<string, string> = {}): TargetDirectory {
  const project: WebhookProject = {
    id: 'p',
    webhookSecret,
    webhookEndpoints: [{ id: 'hook', url: 'https://e.org/', secret: { source: 'config' }, events: ['job.*'] }],
  };
  const configSecrets = new Map([
    ['webhook:p/hook', GOOD],
    ['project:p', OTHER],
  ]);
  const escrow = {
    find: (name: string): CredentialResult =>
      name === 'open' ? { state: 'resolved', secret: GOOD } : { state: 'unavailable', reason: 'the vault is locked' },
  };
  return new TargetDirectory({ projects: [project] }, { env, configSecrets, escrow });
}

const own = { project: 'p', endpoint: null, url: 'https://o.org/' };
const endpoint = { project: 'p', endpoint: 'hook', url: null };

it('an endpoint has its own URL and secret, whatever the project’s', () => {
  expect(directory(null).find(endpoint)).toEqual({ url: 'https://e.org/', secret: GOOD });
});

it('a job’s own URL is signed with its project’s secret', () => {
  expect(directory({ source: 'config' }).find(own)).toEqual({ url: 'https://o.org/', secret: OTHER });
  expect(directory({ source: 'env', name: 'W' }, { W: GOOD }).find(own)).toEqual({
    url: 'https://o.org/',
    secret: GOOD,
  });
});

it('a secret in the vault signs while it is open', () => {
  expect(directory({ source: 'escrow', name: 'open' }).find(own)).toEqual({ url: 'https://o.org/', secret: GOOD });
});

it.each<[string, SecretSource | null, Record<string, string>, string]>([
  ['the project has none', null, {}, 'missing'],
  ['its variable is not set', { source: 'env', name: 'W' }, {}, 'missing'],
  ['its variable holds something else', { source: 'env', name: 'W' }, { W: 'secret' }, 'invalid'],
  ['it lies in the vault, which is locked', { source: 'escrow', name: 'w' }, {}, 'unavailable'],
])('without a usable secret it says why: %s', (_case, source, env, fault) => {
  expect(directory(source, env).find(own)).toEqual({ url: 'https://o.org/', fault });
});

it('an endpoint that is declared no longer, or of a project that is not, is nowhere', () => {
  expect(directory(null).find({ ...endpoint, endpoint: 'old' })).toBeNull();
  expect(directory(null).find({ ...endpoint, project: 'q' })).toBeNull();
});
