import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CONFIG_SCHEMA } from './config-schema.js';
import { loadConfig } from './load-config.js';

const root = join(import.meta.dirname, '../../../..');

it.each<[string, object, string]>([
  ['zero', { rpm: 0 }, 'rpm: must be >= 1'],
  ['negative', { concurrency: -1 }, 'concurrency: must be >= 1'],
  ['half a token', { tpd: 0.5 }, 'tpd: must be integer'],
  ['a text', { tpm: '600' }, 'tpm: must be integer'],
  ['of an unknown name', { rph: 1 }, 'rph: is not a known field'],
])('a limit of a key that is %s is refused by its name', (_case, limits, message) => {
  const cwd = mkdtempSync(join(tmpdir(), 'tokenhub-config-'));
  try {
    const keys = [{ id: 'ci', sha256: 'a'.repeat(64), scopes: ['jobs'], limits }];
    writeFileSync(join(cwd, 'tokenhub.json'), JSON.stringify({ projects: [{ id: 'default', keys }] }));
    expect(() => loadConfig({ env: {}, cwd })).toThrow(`tokenhub.json: projects[0].keys[0].limits.${message}`);
  } finally {
    rmSync(cwd, { recursive: true });
  }
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
