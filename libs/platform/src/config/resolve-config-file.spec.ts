import { expect, it } from '@jest/globals';
import type { ProviderType } from '#contracts/registry-snapshot.js';
import type { ConfigFile, FileModel } from './config-file.js';
import { resolveConfigFile } from './resolve-config-file.js';

function fileWith(type: ProviderType, price: FileModel['price']): ConfigFile {
  return {
    server: { host: '127.0.0.1', port: 0, body_limit_mb: 1 },
    providers: [
      {
        id: 'p',
        type,
        base_url: 'http://127.0.0.1/v1',
        credential: { source: 'none' },
        enabled: true,
        limits: {},
        timeouts: { connect_ms: 1, first_token_ms: 1, idle_ms: 1, answer_ms: 1, cool_down_ms: 30_000 },
      },
    ],
    models: [
      {
        id: 'm',
        provider: 'p',
        weight: 5,
        enabled: true,
        expected_latency_ms: 1,
        context_tokens: 1,
        price,
        drop_sampling_parameters: false,
      },
    ],
    aliases: [],
    projects: [],
  };
}

it.each<[string, ProviderType, Partial<FileModel['price']>, number]>([
  ['a quarter above the input on anthropic', 'anthropic', {}, 0.00375],
  ['the input on openai', 'openai', {}, 0.003],
  ['the input on vllm', 'vllm', {}, 0.003],
  ['the input, not the cached input', 'openai', { cached_input_per_1k: 0.0003 }, 0.003],
  ['what is declared, on anthropic too', 'anthropic', { cache_write_per_1k: 0.006 }, 0.006],
  ['nothing where that is declared', 'anthropic', { cache_write_per_1k: 0 }, 0],
])('writing to a cache costs %s', (_case, type, change, expected) => {
  const file = fileWith(type, { input_per_1k: 0.003, output_per_1k: 0.015, ...change });
  expect(resolveConfigFile(file).models[0]?.price.cacheWritePer1k).toBe(expected);
});

it.each<[string, ProviderType, Partial<FileModel['price']>, number | undefined]>([
  ['twice the input on anthropic', 'anthropic', { cache_write_per_1k: 0.001 }, 0.006],
  ['what any write costs on openai', 'openai', {}, undefined],
  ['what is declared', 'openai', { cache_write_1h_per_1k: 0.004 }, 0.004],
  ['what is declared, on anthropic too', 'anthropic', { cache_write_1h_per_1k: 0 }, 0],
])('writing to a cache for an hour costs %s', (_case, type, change, expected) => {
  const file = fileWith(type, { input_per_1k: 0.003, output_per_1k: 0.015, ...change });
  expect(resolveConfigFile(file).models[0]?.price.cacheWrite1hPer1k).toBe(expected);
});
