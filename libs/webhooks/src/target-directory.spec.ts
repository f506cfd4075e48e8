import { expect, it } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { MadeEndpoint } from '#contracts/webhook.js';
import type { SecretSource, WebhookProject } from '#platform/config/config.js';
import type { CredentialResult } from '#registry/credentials.js';
import { TargetDirectory } from './target-directory.js';

const GOOD = `whsec_${Buffer.alloc(32, 1).toString('base64')}`;
const OTHER = `whsec_${Buffer.alloc(32, 2).toString('base64')}`;
const NOW = 1_000_000;

interface Scene {
  webhookSecret?: SecretSource | null;
  env?: Record<string, string>;
  /** What is known before and after a look at what is published. */
  known?: [MadeEndpoint[], MadeEndpoint[]] | null;
  open?: (name: string, sealed: string) => string;
}

function directory({ webhookSecret = null, env = {}, known = [[], []], open = opens }: Scene = {}): TargetDirectory {
  const project: WebhookProject = {
    id: 'p',
    webhookSecret,
    webhookEndpoints: [{ id: 'hook', url: 'https://e.org/', secret: { source: 'config' }, events: ['job.*'] }],
  };
  const configSecrets = new Map([
    ['webhook:p/hook', GOOD],
    ['project:p', OTHER],
  ]);
  let looks = 0;
  const made = {
    isKnown: known !== null,
    find: (owner: string, id: string) =>
      known?.[looks === 0 ? 0 : 1].find((one) => one.project === owner && one.id === id) ?? null,
    catchUp: () => {
      looks++;
      return Promise.resolve();
    },
  };
  const escrow = {
    find: (name: string): CredentialResult =>
      name === 'open' ? { state: 'resolved', secret: GOOD } : { state: 'unavailable', reason: 'the vault is locked' },
  };
  const stores = { env, configSecrets, escrow };
  return new TargetDirectory({ config: { projects: [project] }, stores, made, cipher: { open }, now: () => NOW });
}

const opens = (name: string, sealed: string): string => `opened ${name} ${sealed}`;
const own = { project: 'p', endpoint: null, url: 'https://o.org/' };
const endpoint = { project: 'p', endpoint: 'hook', url: null };
const madeOne: MadeEndpoint = {
  ...{ project: 'p', id: 'made', url: 'https://m.org/', events: ['job.*'], enabled: true, armedAtMs: 0 },
  secrets: [
    { name: 'a/2', sealed: 'two', endsAtMs: null },
    { name: 'a/1', sealed: 'one', endsAtMs: NOW + 1 },
    { name: 'a/0', sealed: 'nil', endsAtMs: NOW },
  ],
};
const made = { project: 'p', endpoint: 'made', url: null };

it('a declared endpoint has its own URL and secret, whatever the project’s', async () => {
  expect(await directory().find(endpoint)).toEqual({
    ...{ kind: 'ready', url: 'https://e.org/', secrets: [GOOD], made: null },
  });
});

it('a job’s own URL is signed with its project’s secret', async () => {
  const ready = { kind: 'ready', url: 'https://o.org/', made: null };
  const config = directory({ webhookSecret: { source: 'config' } });
  expect(await config.find(own)).toEqual({ ...ready, secrets: [OTHER] });
  const env = directory({ webhookSecret: { source: 'env', name: 'W' }, env: { W: GOOD } });
  expect(await env.find(own)).toEqual({ ...ready, secrets: [GOOD] });
});

it('a secret in the vault signs while it is open', async () => {
  const found = await directory({ webhookSecret: { source: 'escrow', name: 'open' } }).find(own);
  expect(found).toMatchObject({ kind: 'ready', secrets: [GOOD] });
});

it.each<[string, SecretSource | null, Record<string, string>, object]>([
  ['the project has none', null, {}, { kind: 'fault', url: 'https://o.org/', fault: 'missing' }],
  [
    'its variable is not set',
    { source: 'env', name: 'W' },
    {},
    { kind: 'fault', url: 'https://o.org/', fault: 'missing' },
  ],
  [
    'its variable holds something else',
    { source: 'env', name: 'W' },
    { W: 'secret' },
    { kind: 'fault', url: 'https://o.org/', fault: 'invalid' },
  ],
  [
    'it lies in the vault, which is locked',
    { source: 'escrow', name: 'w' },
    {},
    { kind: 'held', by: 'vault', code: 'vault_locked' },
  ],
])('without a usable secret it says why: %s', async (_case, webhookSecret, env, found) => {
  expect(await directory({ webhookSecret, env }).find(own)).toEqual(found);
});

it('an endpoint that is nowhere, or of a project that is not, is removed', async () => {
  expect(await directory().find({ ...endpoint, endpoint: 'old' })).toEqual({ kind: 'removed' });
  expect(await directory().find({ ...endpoint, project: 'q' })).toEqual({ kind: 'removed' });
});

it('while nobody has published the endpoints, one that is not declared is waited for', async () => {
  expect(await directory({ known: null }).find(made)).toMatchObject({ kind: 'held', by: 'settings' });
});

it('a made endpoint is signed with each secret whose time has not ended, the newest first', async () => {
  const found = await directory({ known: [[madeOne], [madeOne]] }).find(made);
  expect(found).toMatchObject({ kind: 'ready', url: 'https://m.org/', secrets: ['opened a/2 two', 'opened a/1 one'] });
});

it('one that was made or enabled a moment ago is found, and one of another project is not', async () => {
  expect(await directory({ known: [[], [madeOne]] }).find(made)).toMatchObject({ kind: 'ready' });
  const disabled = { ...madeOne, enabled: false };
  expect(await directory({ known: [[disabled], [madeOne]] }).find(made)).toMatchObject({ kind: 'ready' });
  expect(await directory({ known: [[madeOne], [disabled]] }).find(made)).toMatchObject({ kind: 'ready' });
  expect(await directory({ known: [[disabled], [disabled]] }).find(made)).toEqual({ kind: 'disabled' });
  const foreign = directory({ known: [[madeOne], [madeOne]] }).find({ ...made, project: 'q' });
  expect(await foreign).toEqual({ kind: 'removed' });
});

it.each(['vault_locked', 'vault_uninitialised'] as const)(
  '%s holds it, and a broken secret is a fault of its own',
  async (code) => {
    const locked = directory({
      known: [[madeOne], [madeOne]],
      open: () => {
        throw new TokenhubError(code);
      },
    });
    expect(await locked.find(made)).toEqual({ kind: 'held', by: 'vault', code });
    const broken = directory({
      known: [[madeOne], [madeOne]],
      open: () => {
        throw new Error('tampered');
      },
    });
    expect(await broken.find(made)).toMatchObject({ kind: 'fault', fault: 'unreadable', cause: new Error('tampered') });
  },
);
