import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CONFIG_SCHEMA } from './config-schema.js';
import { loadConfig } from './load-config.js';

const root = join(import.meta.dirname, '../../../..');

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
