import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CONFIG_SCHEMA } from './config-schema.js';
import { loadConfig, type LoadedConfig } from './load-config.js';

const root = join(import.meta.dirname, '../../../..');

/** What the file says of a project and of one of its keys, loaded. */
function load(project: object, key: object): LoadedConfig {
  const cwd = mkdtempSync(join(tmpdir(), 'tokenhub-config-'));
  try {
    const keys = [{ id: 'ci', sha256: 'a'.repeat(64), scopes: ['jobs'], ...key }];
    writeFileSync(join(cwd, 'tokenhub.json'), JSON.stringify({ projects: [{ id: 'default', ...project, keys }] }));
    return loadConfig({ env: {}, cwd });
  } finally {
    rmSync(cwd, { recursive: true });
  }
}

it('what a project and a key may use is kept, and what holds where a request says nothing', () => {
  const use = { name: 'Team A', disabled: true, policy: { mode: 'cheap', max_attempts: 2 } };
  const file = { ...use, allowed_models: ['gpt-4o', 'smart'] };
  const kept = { ...use, allowedModels: ['gpt-4o', 'smart'] };
  expect(load(file, file).config.projects).toMatchObject([{ ...kept, keys: [kept] }]);
});

it.each<[string, object, string]>([
  ['an unknown field of a policy', { policy: { mod: 'cheap' } }, 'policy.mod: is not a known field'],
  ['a policy out of bounds', { policy: { max_attempts: 21 } }, 'policy.max_attempts: must be <= 20'],
  ['an allowed model that is no name', { allowed_models: ['no name'] }, 'allowed_models[0]: must be made of letters'],
  ['one named twice', { allowed_models: ['a', 'a'] }, 'allowed_models: must NOT have duplicate items'],
  ['a name of nothing', { name: '' }, 'name: must NOT have fewer than 1 characters'],
])('%s is refused in a project and in a key', (_case, use, message) => {
  expect(() => load(use, {})).toThrow(`tokenhub.json: projects[0].${message}`);
  expect(() => load({}, use)).toThrow(`tokenhub.json: projects[0].keys[0].${message}`);
});

it.each<[string, object, string]>([
  ['zero', { rpm: 0 }, 'rpm: must be >= 1'],
  ['negative', { concurrency: -1 }, 'concurrency: must be >= 1'],
  ['half a token', { tpd: 0.5 }, 'tpd: must be integer'],
  ['a text', { tpm: '600' }, 'tpm: must be integer'],
  ['of an unknown name', { rph: 1 }, 'rph: is not a known field'],
])('a limit of a key that is %s is refused by its name', (_case, limits, message) => {
  expect(() => load({}, { limits })).toThrow(`tokenhub.json: projects[0].keys[0].limits.${message}`);
});

it.each([
  'TOKENHUB_ADMIN_TOKEN',
  'tokenhub_admin_token',
  'Redis_Url',
  'pgpassword',
  'REDIS_URL',
  'DATABASE_URL',
  'PGPASSWORD',
])('Tokenhub’s own variable %s is nobody’s secret', (name) => {
  const message = 'projects[0].webhook_secret.name: must be a name made of letters, digits and _, and no variable of';
  expect(() => load({ webhook_secret: { source: 'env', name } }, {})).toThrow(message);
});

describe('the published configuration schema', () => {
  it('is the one that the source checks with', () => {
    const published: unknown = JSON.parse(readFileSync(join(root, 'docs/config/tokenhub.schema.json'), 'utf8'));
    expect(published).toEqual(JSON.parse(JSON.stringify(CONFIG_SCHEMA)));
  });

  it('accepts the example file, which declares nothing that is warned of once its variables are set', () => {
    const cwd = mkdtempSync(join(tmpdir(), 'tokenhub-config-'));
    try {
      const env = {
        TOKENHUB_CONFIG: join(root, 'tokenhub.example.yaml'),
        OPENAI_API_KEY: 'sk-1',
        ANTHROPIC_API_KEY: 'sk-ant-1',
        WEBHOOK_SECRET: `whsec_${'c2Vj'.repeat(8)}`,
        HOOK_SECRET: `whsec_${'cmV0'.repeat(8)}`,
      };
      const { config, warnings } = loadConfig({ env, cwd });
      expect(warnings).toEqual([]);
      expect(config.models.map((model) => model.id)).toEqual([
        'gpt-4o',
        'gpt-4o-mini',
        'claude-sonnet',
        'llama3:8b',
        'text-embedding-3-small',
      ]);
    } finally {
      rmSync(cwd, { recursive: true });
    }
  });
});
