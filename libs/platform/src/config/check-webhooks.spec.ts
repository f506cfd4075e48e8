import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { ConfigError } from './config-error.js';
import { loadConfig, type LoadedConfig } from './load-config.js';
import { isWebhookSecret } from './webhook-secret.js';

const secretOf = (bytes: number): string => `whsec_${Buffer.alloc(bytes, 7).toString('base64')}`;

let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tokenhub-config-'));
});

afterEach(() => {
  rmSync(cwd, { recursive: true });
});

function load(project: object, env: Record<string, string> = {}): LoadedConfig {
  const hooks = { id: 'p', webhook_secret: { source: 'env', name: 'W' }, ...project };
  writeFileSync(join(cwd, 'tokenhub.json'), JSON.stringify({ projects: [hooks] }));
  return loadConfig({ env: { W: secretOf(32), ...env }, cwd });
}

const endpoint = (url: string, secret: object = { source: 'env', name: 'W' }): object => ({
  webhook_endpoints: [{ id: 'hook', url, secret }],
});

function failure(run: () => unknown): string {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

describe('a webhook secret', () => {
  it.each([24, 25, 32, 64])('of %i bytes is one', (bytes) => expect(isWebhookSecret(secretOf(bytes))).toBe(true));

  it.each<[string, string]>([
    ['23 bytes', secretOf(23)],
    ['65 bytes', secretOf(65)],
    ['no prefix', secretOf(32).slice(6)],
    ['another prefix', `whsk_${secretOf(32).slice(6)}`],
    ['padding left out', secretOf(32).replace('=', '')],
    ['the alphabet of URLs', `whsec_${Buffer.alloc(33, 0xfb).toString('base64url')}`],
    ['a line break', `${secretOf(32)}\n`],
    ['nothing', ''],
  ])('with %s is none', (_what, secret) => expect(isWebhookSecret(secret)).toBe(false));

  it.each<[string, object, Record<string, string>, string]>([
    ['a variable', {}, { W: 'whsec_canary' }, 'W: must be whsec_'],
    [
      'the file',
      { webhook_secret: { source: 'config', value: 'canary' } },
      {},
      'tokenhub.json: projects[0].webhook_secret.value: must be whsec_',
    ],
    [
      'an endpoint’s in the file',
      endpoint('https://example.org/', { source: 'config', value: 'canary' }),
      {},
      'tokenhub.json: projects[0].webhook_endpoints[0].secret.value: must be whsec_',
    ],
    ['an endpoint’s variable', endpoint('https://a.org/', { source: 'env', name: 'H' }), { H: 'canary' }, 'H: must be'],
  ])('of the wrong form in %s stops the process with one line that does not repeat it', (_case, project, env, line) => {
    const message = failure(() => load(project, env));
    expect(message).toContain(line);
    expect(message).not.toContain('canary');
  });

  it('that this process was not given is warned of, and one in a vault whose key it can never have', () => {
    const { warnings } = load(endpoint('https://example.org/', { source: 'escrow', name: 'x' }), {
      W: '',
      TOKENHUB_API_KEY: `th_${'k'.repeat(16)}`,
    });
    expect(warnings).toEqual([
      'project p: the variable W that should hold its secret is not set',
      'webhook endpoint hook: its secret is in the vault, whose key cannot be given to this process without TOKENHUB_CLUSTER_SECRET',
    ]);
  });
});

describe('the URL of an endpoint', () => {
  it.each([
    ['http://example.org/', 'must be https'],
    ['https://192.168.1.1/', 'must not name a private address'],
    ['https://example.org:9000/', 'must use port 443 or 8443'],
  ])('%s is refused by its path', (url, problem) => {
    expect(failure(() => load(endpoint(url)))).toBe(
      `tokenhub.json: projects[0].webhook_endpoints[0].url: ${problem} (see TOKENHUB_WEBHOOK_ALLOW)`,
    );
  });

  it('may be private and plain where TOKENHUB_WEBHOOK_ALLOW has its host or its subnet', () => {
    const env = { TOKENHUB_WEBHOOK_ALLOW: 'hooks.test, 10.0.0.0/8' };
    expect(load(endpoint('http://hooks.test:9000/'), env).config.webhookAllow).toEqual(['hooks.test', '10.0.0.0/8']);
    expect(() => load(endpoint('http://10.1.2.3:9000/'), env)).not.toThrow();
    expect(failure(() => load(endpoint('http://11.1.2.3:9000/'), env))).toContain('must be https');
  });

  it.each(['a b', '10.0.0.0/33', '::/129', '10.0.0.0/x', 'host/8', 'a,,b', 'https://a', '10.0.0.0/8/8', '*'])(
    'TOKENHUB_WEBHOOK_ALLOW=%s stops the process',
    (value) => expect(failure(() => load({}, { TOKENHUB_WEBHOOK_ALLOW: value }))).toMatch(/^TOKENHUB_WEBHOOK_ALLOW: /),
  );
});
