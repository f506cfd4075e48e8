import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { stringify } from 'yaml';
import { ConfigError } from './config-error.js';
import { loadConfig, type LoadedConfig } from './load-config.js';

const CANARY = 'sk-canary-4711';
const now = new Date('2026-11-21T12:00:00Z');
let cwd: string;

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'tokenhub-config-'));
});

afterEach(() => {
  rmSync(cwd, { recursive: true });
});

type Env = Record<string, string>;

function load(content: unknown, env: Env = {}): LoadedConfig {
  writeFileSync(join(cwd, 'tokenhub.yaml'), stringify(content));
  return loadConfig({ env, cwd, now });
}

function failureOf(run: () => unknown): ConfigError {
  try {
    run();
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the configuration was accepted');
}

const provider = {
  id: 'openai',
  type: 'openai',
  base_url: 'https://api.openai.com/v1/',
  credential: { source: 'none' },
};
const model = { id: 'gpt-4o', provider: 'openai' };
const key = { id: 'ci', sha256: 'a'.repeat(64), scopes: ['jobs'] };
/** A project or key of which nothing is said. */
const plain = { name: null, disabled: false, allowedModels: null, policy: {}, budget: {} };
const hook = { id: 'hook', url: 'https://example.org/hook', secret: { source: 'env', name: 'HOOK' } };
const base = { providers: [provider], models: [model] };
const withProvider = (change: object) => ({ providers: [{ ...provider, ...change }] });
const withModel = (change: object) => ({ providers: [provider], models: [{ ...model, ...change }] });
const withKeys = (...keys: object[]) => ({ projects: [{ id: 'default', keys }] });
const withHook = (change: object) => ({ projects: [{ id: 'p', webhook_endpoints: [{ ...hook, ...change }] }] });
const withAlias = (change: object) => ({
  ...base,
  aliases: [{ id: 'smart', members: [{ model: 'gpt-4o' }], ...change }],
});

describe('without a file or variables', () => {
  it('has every default', () => {
    const { config, warnings } = loadConfig({ env: {}, cwd, now });
    expect(config).toEqual({
      server: { host: '127.0.0.1', port: 8080, bodyLimitBytes: 16 * 1024 * 1024, trustedProxies: [] },
      auth: 'on',
      apiKey: null,
      adminToken: null,
      redis: { kind: 'single', url: 'redis://127.0.0.1:6379' },
      history: null,
      worker: { host: '127.0.0.1', port: 8081, pools: null, concurrency: 200 },
      vault: { keys: expect.any(Function), autoLockMs: 900_000 },
      syncTimeoutMs: 280_000,
      logLevel: 'info',
      webhookAllow: [],
      webhookDisableMs: 5 * 86_400_000,
      stateDir: join(cwd, '.tokenhub'),
      providers: [],
      models: [],
      aliases: [],
      projects: [],
      secrets: new Map(),
    });
    expect(warnings).toEqual([expect.stringContaining('no API key is declared')]);
  });
});

describe('the file', () => {
  it('fills in what a provider and a model leave out', () => {
    const { config } = load({ ...base, providers: [{ ...provider, timeouts: { idle_ms: 7 } }] });
    expect(config.providers).toEqual([
      {
        id: 'openai',
        type: 'openai',
        endpoints: ['https://api.openai.com/v1'],
        credential: { source: 'none' },
        enabled: true,
        limits: {},
        timeouts: { connectMs: 5_000, firstTokenMs: 60_000, idleMs: 7, answerMs: 600_000, coolDownMs: 30_000 },
      },
    ]);
    expect(config.models).toEqual([
      {
        id: 'gpt-4o',
        provider: 'openai',
        upstreamModel: 'gpt-4o',
        weight: 5,
        enabled: true,
        expectedLatencyMs: 2_000,
        contextTokens: 128_000,
        maxOutputTokens: 4_096,
        price: { inputPer1k: 0, outputPer1k: 0, cachedInputPer1k: 0, cacheWritePer1k: 0 },
        capabilities: ['tools', 'json_schema', 'streaming'],
        kinds: ['chat', 'completion'],
        dropSamplingParameters: false,
        limits: null,
      },
    ]);
  });

  it.each([
    [
      'input that is read from a cache or written to one costs what input costs',
      { price: { input_per_1k: 0.5 } },
      { price: { inputPer1k: 0.5, outputPer1k: 0, cachedInputPer1k: 0.5, cacheWritePer1k: 0.5 } },
    ],
    [
      'cache writes have a price of their own',
      { price: { input_per_1k: 0.5, cache_write_per_1k: 0.75 } },
      { price: { inputPer1k: 0.5, outputPer1k: 0, cachedInputPer1k: 0.5, cacheWritePer1k: 0.75 } },
    ],
    [
      'a model that refuses sampling parameters says so',
      { drop_sampling_parameters: true },
      { dropSamplingParameters: true },
    ],
    ['a model that only embeds puts nothing out', { kinds: ['embedding'] }, { maxOutputTokens: 0, capabilities: [] }],
    ['the default output fits a small context', { context_tokens: 2_048 }, { maxOutputTokens: 2_048 }],
  ])('derives defaults: %s', (_case, change, expected) => {
    expect(load(withModel(change)).config.models[0]).toMatchObject(expected);
  });

  it('keeps what later parts need: limits, webhooks, expiry', () => {
    const project = {
      id: 'p',
      webhook_secret: { source: 'env', name: 'W' },
      keys: [{ ...key, sha256: 'A'.repeat(64), limits: { rpm: 600 }, expires_at: '2027-01-01T00:00:00Z' }],
      webhook_endpoints: [hook],
    };
    expect(load({ projects: [project] }).config.projects).toEqual([
      {
        id: 'p',
        ...plain,
        webhookSecret: { source: 'env', name: 'W' },
        keys: [{ ...key, ...plain, limits: { rpm: 600 }, share: 1, expiresAtMs: Date.UTC(2027, 0, 1) }],
        webhookEndpoints: [{ ...hook, events: ['job.*'] }],
      },
    ]);
  });

  it('moves config secrets out of whatever is serialised, and warns of them without their value', () => {
    const { config, warnings } = load(withProvider({ credential: { source: 'config', value: CANARY } }), {
      TOKENHUB_API_KEY: `th_${'k'.repeat(16)}`,
    });
    expect(config.providers[0]?.credential).toEqual({ source: 'config' });
    expect(config.secrets.get('provider:openai')).toBe(CANARY);
    expect(JSON.stringify([config, warnings])).not.toContain(CANARY);
    expect(warnings).toEqual([
      expect.stringContaining('provider openai: its secret is written in the configuration file'),
    ]);
  });

  it.each([
    ['tokenhub.yaml', 'server: { port: 9001 }'],
    ['tokenhub.yml', 'server: { port: 9001 }'],
    ['tokenhub.json', '{\n\t"server": { "port": 9001 }\n}'],
  ])('is found in the folder as %s', (name, text) => {
    writeFileSync(join(cwd, name), text);
    expect(loadConfig({ env: {}, cwd, now }).config.server.port).toBe(9001);
  });

  it('that TOKENHUB_CONFIG names is read instead of the one in the folder', () => {
    writeFileSync(join(cwd, 'tokenhub.yaml'), 'server: { port: 9001 }');
    writeFileSync(join(cwd, 'other.yml'), 'server: { port: 9002 }');
    expect(loadConfig({ env: { TOKENHUB_CONFIG: 'other.yml' }, cwd, now }).config.server.port).toBe(9002);
  });

  it('may be empty', () => {
    writeFileSync(join(cwd, 'tokenhub.yaml'), '# nothing yet\n');
    expect(loadConfig({ env: {}, cwd, now }).config.providers).toEqual([]);
  });
});

describe('a wrong value in the file is refused with one line that names it', () => {
  it.each<[string, object, string]>([
    ['an unknown field', { sever: {} }, 'tokenhub.yaml: sever: is not a known field'],
    [
      'an unknown nested field',
      withProvider({ api_key: CANARY }),
      'tokenhub.yaml: providers[0].api_key: is not a known field',
    ],
    ['a wrong type', { server: { port: '8080' } }, 'tokenhub.yaml: server.port: must be integer'],
    ['a port out of range', { server: { port: 70_000 } }, 'tokenhub.yaml: server.port: must be <= 65535'],
    ['no provider type', { providers: [{ id: 'x', credential: { source: 'none' } }] }, 'providers[0].type: is missing'],
    [
      'an unknown provider type',
      withProvider({ type: 'azure' }),
      'providers[0].type: must be one of openai, anthropic, vllm',
    ],
    ['a provider named twice', { providers: [provider, provider] }, 'providers[1].id: the id "openai" is used twice'],
    [
      'a provider id that would break pool ids',
      withProvider({ id: 'a/b' }),
      'providers[0].id: must be made of letters',
    ],
    ['neither base_url nor endpoints', withProvider({ base_url: undefined }), 'providers[0].base_url: is missing'],
    [
      'base_url and endpoints',
      withProvider({ endpoints: ['http://h/v1'] }),
      'providers[0].endpoints: is only for vllm',
    ],
    [
      'endpoints on openai',
      withProvider({ base_url: undefined, endpoints: ['http://a/v1', 'http://b/v1'] }),
      'providers[0].endpoints: is only for vllm',
    ],
    [
      'a base_url with credentials',
      withProvider({ base_url: `https://me:${CANARY}@host/v1` }),
      'providers[0].base_url: must be an http:// or https:// URL',
    ],
    [
      'a base_url of another scheme',
      withProvider({ base_url: 'ftp://host/v1' }),
      'providers[0].base_url: must be an http://',
    ],
    ['no credential', { providers: [{ ...provider, credential: undefined }] }, 'providers[0].credential: is missing'],
    [
      'an unknown credential source',
      withProvider({ credential: { source: 'file' } }),
      'providers[0].credential: source must be one of',
    ],
    [
      'a config credential without value',
      withProvider({ credential: { source: 'config' } }),
      'providers[0].credential.value: is missing',
    ],
    [
      'a value beside env',
      withProvider({ credential: { source: 'env', name: 'A', value: CANARY } }),
      'providers[0].credential.value: is not a known field',
    ],
    [
      'a variable name that cannot be one',
      withProvider({ credential: { source: 'env', name: CANARY } }),
      'providers[0].credential.name: must be a name',
    ],
    ['a zero limit', withProvider({ limits: { rpm: 0 } }), 'providers[0].limits.rpm: must be >= 1'],
    ['a negative limit', withProvider({ limits: { tpm: -5 } }), 'providers[0].limits.tpm: must be >= 1'],
    ['a timeout of zero', withProvider({ timeouts: { idle_ms: 0 } }), 'providers[0].timeouts.idle_ms: must be >= 1'],
    ['a model named twice', { ...base, models: [model, model] }, 'models[1].id: the id "gpt-4o" is used twice'],
    [
      'a model of an unknown provider',
      withModel({ provider: 'nobody' }),
      'models[0].provider: there is no provider "nobody"',
    ],
    ['a reserved model id', withModel({ id: 'auto' }), 'models[0].id: "auto" is reserved'],
    ['a weight over ten', withModel({ weight: 11 }), 'models[0].weight: must be <= 10'],
    ['a negative price', withModel({ price: { input_per_1k: -1 } }), 'models[0].price.input_per_1k: must be >= 0'],
    [
      'an unknown capability',
      withModel({ capabilities: ['telepathy'] }),
      'models[0].capabilities[0]: must be one of tools',
    ],
    ['an unknown kind', withModel({ kinds: ['image'] }), 'models[0].kinds[0]: must be one of chat'],
    [
      'more output than context',
      withModel({ context_tokens: 10, max_output_tokens: 11 }),
      'models[0].max_output_tokens: must not be larger',
    ],
    ['empty limits of a model', withModel({ limits: {} }), 'models[0].limits: must NOT have fewer than 1 properties'],
    [
      'an alias named twice',
      { ...base, aliases: [0, 1].map(() => ({ id: 's', members: [{ model: 'gpt-4o' }] })) },
      'aliases[1].id: the id "s" is used twice',
    ],
    ['an alias named like a model', withAlias({ id: 'gpt-4o' }), 'aliases[0].id: "gpt-4o" is also the id of a model'],
    [
      'an alias of an unknown model',
      withAlias({ members: [{ model: 'none' }] }),
      'aliases[0].members[0].model: there is no model "none"',
    ],
    [
      'an alias with a repeated member',
      withAlias({ members: [{ model: 'gpt-4o' }, { model: 'gpt-4o' }] }),
      'aliases[0].members[1].model: the model "gpt-4o" is used twice',
    ],
    ['an alias without members', withAlias({ members: [] }), 'aliases[0].members: must NOT have fewer than 1 items'],
    [
      'an alias member of no weight',
      withAlias({ members: [{ model: 'gpt-4o', weight: 0 }] }),
      'aliases[0].members[0].weight: must be > 0',
    ],
    ['a project named twice', { projects: [{ id: 'p' }, { id: 'p' }] }, 'projects[1].id: the id "p" is used twice'],
    [
      'a key id used twice',
      {
        projects: [
          { id: 'p', keys: [key] },
          { id: 'q', keys: [{ ...key, sha256: 'b'.repeat(64) }] },
        ],
      },
      'projects[1].keys[0].id: the id "ci" is used twice',
    ],
    [
      'a key hash used twice',
      withKeys(key, { ...key, id: 'other', sha256: 'A'.repeat(64) }),
      'projects[0].keys[1].sha256: the hash',
    ],
    [
      'the reserved key id',
      withKeys({ ...key, id: 'env' }),
      'projects[0].keys[0].id: "env" is reserved for TOKENHUB_API_KEY',
    ],
    [
      'a key in place of its hash',
      withKeys({ ...key, sha256: CANARY }),
      'projects[0].keys[0].sha256: must be the 64 hexadecimal digits',
    ],
    ['a share of zero', withKeys({ ...key, share: 0 }), 'projects[0].keys[0].share: must be > 0'],
    ['an unknown scope', withKeys({ ...key, scopes: ['admin'] }), 'projects[0].keys[0].scopes[0]: must be one of jobs'],
    [
      'an expiry that is no time',
      withKeys({ ...key, expires_at: 'tomorrow' }),
      'projects[0].keys[0].expires_at: must match format "date-time"',
    ],
    [
      'a webhook without secret',
      withHook({ secret: undefined }),
      'projects[0].webhook_endpoints[0].secret: is missing',
    ],
    [
      'a webhook secret of none',
      withHook({ secret: { source: 'none' } }),
      'projects[0].webhook_endpoints[0].secret: source must be one of',
    ],
    [
      'an unknown webhook event',
      withHook({ events: ['job.lost'] }),
      'projects[0].webhook_endpoints[0].events[0]: must be one of job.*',
    ],
    [
      'two webhook endpoints of one id',
      { projects: [{ id: 'p', webhook_endpoints: [hook, hook] }] },
      'projects[0].webhook_endpoints[1].id: the id "hook" is used twice',
    ],
    ['a list in place of the file', [], 'tokenhub.yaml: must be object'],
  ])('%s', (_case, content, expected) => {
    const { message } = failureOf(() => load(content));
    expect(message).toContain(expected);
    expect(message).toMatch(/^tokenhub\.yaml: .+$/);
    expect(message).not.toContain(CANARY);
  });

  it.each([
    [
      'broken YAML',
      'tokenhub.yaml',
      `providers: [\n  key: "${CANARY}`,
      /^tokenhub\.yaml: is not valid YAML \(\w+ at line \d+, column \d+\)$/,
    ],
    [
      'a field given twice',
      'tokenhub.yaml',
      `server: {}\nserver: { host: ${CANARY} }`,
      /is not valid YAML \(DUPLICATE_KEY at line 2/,
    ],
    [
      'a tag that nothing resolves',
      'tokenhub.yaml',
      `server: { host: !env ${CANARY} }`,
      /is not valid YAML \(TAG_RESOLVE_FAILED/,
    ],
    ['broken JSON', 'tokenhub.json', `{ "server": ${CANARY} }`, /^tokenhub\.json: is not valid JSON/],
  ])('%s, without quoting the source', (_case, name, text, expected) => {
    writeFileSync(join(cwd, name), text);
    const { message } = failureOf(() => loadConfig({ env: {}, cwd, now }));
    expect(message).toMatch(expected);
    expect(message).not.toContain('canary');
  });

  it.each([
    ['a missing file', 'nowhere.yaml', 'nowhere.yaml: cannot be read (ENOENT)'],
    ['a folder', 'folder.yaml', 'folder.yaml: cannot be read (EISDIR)'],
    ['another extension', 'tokenhub.toml', 'TOKENHUB_CONFIG: must name a .yaml, .yml or .json file'],
  ])('%s', (_case, name, expected) => {
    mkdirSync(join(cwd, 'folder.yaml'));
    expect(failureOf(() => loadConfig({ env: { TOKENHUB_CONFIG: name }, cwd, now })).message).toBe(expected);
  });
});

describe('the environment', () => {
  const text = 'k'.repeat(20);

  it.each<[Env, object]>([
    [
      { TOKENHUB_HOST: '::1', TOKENHUB_PORT: '9000', TOKENHUB_AUTH: 'off' },
      { auth: 'off', server: { host: '::1', port: 9000 } },
    ],
    [
      { TOKENHUB_API_KEY: `th_${text}`, TOKENHUB_ADMIN_TOKEN: text },
      { apiKey: `th_${text}`, adminToken: text },
    ],
    [
      { TOKENHUB_WORKER_PORT: '0', TOKENHUB_CONCURRENCY: '7', TOKENHUB_POOLS: 'a, b/c,a' },
      { worker: { host: '127.0.0.1', port: 0, concurrency: 7, pools: ['a', 'b/c'] } },
    ],
    [
      { TOKENHUB_WORKER_HOST: '0.0.0.0', TOKENHUB_HOST: '127.0.0.1' },
      { worker: { host: '0.0.0.0' }, server: { host: '127.0.0.1' } },
    ],
    [
      { TOKENHUB_SYNC_TIMEOUT_MS: '900', TOKENHUB_LOG_LEVEL: 'silent' },
      { syncTimeoutMs: 900, logLevel: 'silent' },
    ],
    [
      { TOKENHUB_CONCURRENCY: '5', TOKENHUB_PORT: '' },
      { worker: { concurrency: 5 }, server: { port: 8443 } },
    ],
  ])('%j wins over the file', (env, expected) => {
    expect(load({ server: { port: 8443 } }, env).config).toMatchObject(expected);
  });

  it.each<[Env, string]>([
    [{ TOKENHUB_PORT: 'http' }, 'TOKENHUB_PORT: must be a whole number from 0 to 65535'],
    [{ TOKENHUB_PORT: '65536' }, 'TOKENHUB_PORT: must be a whole number'],
    [{ TOKENHUB_HOST: 'a b' }, 'TOKENHUB_HOST: must be a host name'],
    [{ TOKENHUB_AUTH: 'no' }, 'TOKENHUB_AUTH: must be on or off'],
    [{ TOKENHUB_AUTH: 'off', TOKENHUB_HOST: '0.0.0.0' }, 'TOKENHUB_AUTH: off is only allowed on a loopback host'],
    [
      { TOKENHUB_AUTH: 'off', TOKENHUB_HOST: '127.0.0.1.example.org' },
      'TOKENHUB_AUTH: off is only allowed on a loopback host',
    ],
    [{ TOKENHUB_API_KEY: CANARY }, 'TOKENHUB_API_KEY: must be th_ and at least 16'],
    [{ TOKENHUB_API_KEY: 'th_short' }, 'TOKENHUB_API_KEY: must be th_'],
    [{ TOKENHUB_ADMIN_TOKEN: 'short' }, 'TOKENHUB_ADMIN_TOKEN: must be at least 16 characters'],
    [{ TOKENHUB_CONCURRENCY: '0' }, 'TOKENHUB_CONCURRENCY: must be a whole number from 1'],
    [{ TOKENHUB_SYNC_TIMEOUT_MS: '-1' }, 'TOKENHUB_SYNC_TIMEOUT_MS: must be a whole number'],
    [{ TOKENHUB_WORKER_HOST: 'a b' }, 'TOKENHUB_WORKER_HOST: must be a host name'],
    [{ TOKENHUB_WORKER_PORT: '1e3' }, 'TOKENHUB_WORKER_PORT: must be a whole number'],
    [{ TOKENHUB_LOG_LEVEL: 'loud' }, 'TOKENHUB_LOG_LEVEL: must be one of fatal, error'],
    [{ TOKENHUB_POOLS: 'a,,b' }, 'TOKENHUB_POOLS: must be a comma-separated list'],
    [{ REDIS_URL: `http://me:${CANARY}@h` }, 'REDIS_URL: must be a redis:// or rediss:// URL'],
  ])('%j is refused', (env, expected) => {
    const { message } = failureOf(() => loadConfig({ env, cwd, now }));
    expect(message).toContain(expected);
    expect(message).not.toContain(CANARY);
    expect(message).not.toContain('\n');
  });

  it('is warned of where it does nothing', () => {
    const env = {
      TOKENHUB_PROT: '1',
      TOKENHUB_BLOB_STORE: CANARY,
      TOKENHUB_POOLS: 'nowhere',
    };
    const { warnings } = load({}, { ...env, TOKENHUB_API_KEY: `th_${text}` });
    expect(warnings).toEqual([
      'TOKENHUB_PROT: is not a known variable',
      'TOKENHUB_BLOB_STORE: has no effect in this version',
      'TOKENHUB_POOLS: there is no pool nowhere in this configuration',
    ]);
  });

  it('that lacks a declared secret is warned of, not refused', () => {
    const { warnings } = load(withProvider({ credential: { source: 'env', name: 'MY_KEY' } }), {
      TOKENHUB_API_KEY: `th_${text}`,
    });
    expect(warnings).toEqual(['provider openai: the variable MY_KEY that should hold its secret is not set']);
  });
});

describe('with a vendor key and no provider in the file', () => {
  const env = { OPENAI_API_KEY: CANARY };

  it('registers the vendor and its models, for every kind of work', () => {
    const { config } = loadConfig({ env, cwd, now });
    expect(config.providers).toMatchObject([
      { id: 'openai', endpoints: ['https://api.openai.com/v1'], credential: { source: 'env', name: 'OPENAI_API_KEY' } },
    ]);
    const models = new Map(config.models.map((model) => [model.id, model]));
    expect(models.get('gpt-4o')).toMatchObject({
      contextTokens: 128_000,
      maxOutputTokens: 16_384,
      price: { inputPer1k: 0.0025, outputPer1k: 0.01, cachedInputPer1k: 0.00125, cacheWritePer1k: 0.0025 },
      kinds: ['chat', 'completion'],
    });
    expect(models.get('text-embedding-3-small')).toMatchObject({ kinds: ['embedding'], maxOutputTokens: 0 });
    expect(JSON.stringify(config)).not.toContain(CANARY);
  });

  it('registers Anthropic beside OpenAI, with what its newer models refuse', () => {
    const { config } = loadConfig({ env: { ...env, ANTHROPIC_API_KEY: CANARY }, cwd, now });
    expect(config.providers.map(({ id, type }) => [id, type])).toEqual([
      ['openai', 'openai'],
      ['anthropic', 'anthropic'],
    ]);
    const flags = (id: string) => config.models.find((entry) => entry.id === id);
    expect(flags('claude-opus-5-5')).toMatchObject({ kinds: ['chat'], dropSamplingParameters: true });
    expect(flags('claude-opus-5-5')?.price).toMatchObject({ inputPer1k: 0.004, cacheWritePer1k: 0.005 });
    expect(flags('claude-haiku-4-5')).toMatchObject({ kinds: ['chat'], dropSamplingParameters: false });
    expect(flags('gpt-4o')).toMatchObject({ dropSamplingParameters: false });
  });

  it('leaves out models that the vendor has shut down', () => {
    const ids = (date: string) => loadConfig({ env, cwd, now: new Date(date) }).config.models.map((entry) => entry.id);
    expect(ids('2026-12-10T23:59:59Z')).toContain('gpt-5');
    expect(ids('2026-12-11T00:00:00Z')).not.toContain('gpt-5');
  });

  it('takes aliases of built-in models, and models of one’s own in their place', () => {
    expect(load({ aliases: [{ id: 'smart', members: [{ model: 'gpt-4o' }] }] }, env).config.aliases).toHaveLength(1);
    expect(load({ models: [{ id: 'mine', provider: 'openai' }] }, env).config.models.map((entry) => entry.id)).toEqual([
      'mine',
    ]);
  });

  it('registers nothing when the file declares a provider', () => {
    expect(load(withProvider({ id: 'mine' }), env).config.providers.map((entry) => entry.id)).toEqual(['mine']);
  });
});
