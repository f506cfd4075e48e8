import { expect, it } from '@jest/globals';
import type { MadeEndpoint } from '#contracts/webhook.js';
import type { SecretSource, WebhookProject } from '#platform/config/config.js';
import { HookTargets } from './hook-targets.js';

const project = (id: string, webhookSecret: SecretSource | null, ...endpoints: string[]): WebhookProject => ({
  id,
  webhookSecret,
  webhookEndpoints: endpoints.map((endpoint) => ({
    id: endpoint,
    url: 'https://example.org/',
    secret: { source: 'config' },
    events: ['job.failed'],
  })),
});

const config = {
  webhookAllow: ['hooks.test'],
  projects: [
    project('signs', { source: 'env', name: 'NOT_IN_THIS_PROCESS' }, 'a', 'b'),
    project('plain', null, 'a'),
    project('vault', { source: 'escrow', name: 'x' }),
  ],
};
const targets = new HookTargets(config, { of: () => [] });

const own = (url: string) => ({ url, events: ['job.*'] as const });
const declared = (endpoint: string) => ({ endpoint, url: null, events: ['job.failed'] });

it('a job has its project’s endpoints and no other’s', () => {
  expect(targets.of('signs', null)).toEqual([declared('a'), declared('b')]);
  expect(targets.of('plain', null)).toEqual([declared('a')]);
  expect([targets.of('vault', null), targets.of('undeclared', null)]).toEqual([[], []]);
});

it('its own URL comes beside them', () => {
  const url = 'https://example.org/own';
  expect(targets.of('signs', own(url))).toEqual([
    declared('a'),
    declared('b'),
    { endpoint: null, url, events: ['job.*'] },
  ]);
});

it('a secret in the vault signs as one anywhere else, whether the vault is open at this moment or not', () => {
  expect(targets.of('vault', own('https://example.org/own'))).toHaveLength(1);
});

it('what the operator allows may be plain and on any port', () => {
  expect(targets.of('signs', own('http://hooks.test:9000/'))).toHaveLength(3);
});

it.each(['plain', 'undeclared'])('in project %s nothing can sign it, so it is refused', (id) => {
  expect(() => targets.of(id, own('https://example.org/'))).toThrow(
    expect.objectContaining({ code: 'webhook_secret_missing', status: 400 }),
  );
});

it('a URL that must not be called is refused by name, whether or not it could be signed', () => {
  for (const id of ['signs', 'plain']) {
    expect(() => targets.of(id, own('https://10.0.0.1/'))).toThrow(
      expect.objectContaining({ code: 'invalid_value', options: { param: 'webhook.url' } }),
    );
  }
});

it('those that were made over the API come after the declared ones, without the disabled and the hidden', () => {
  const made = (id: string, enabled = true): MadeEndpoint => ({
    ...{ project: 'signs', id, url: 'https://made.test/', events: ['job.*'], enabled, armedAtMs: 0, secrets: [] },
  });
  const known = { of: (id: string) => (id === 'signs' ? [made('a'), made('new'), made('off', false)] : []) };
  const both = new HookTargets(config, known);
  const target = { endpoint: 'new', url: null, events: ['job.*'] };
  expect(both.of('signs', null)).toEqual([declared('a'), declared('b'), target]);
  expect(both.of('signs', own('https://example.org/'))).toHaveLength(4);
  expect(both.of('plain', null)).toEqual([declared('a')]);
});
