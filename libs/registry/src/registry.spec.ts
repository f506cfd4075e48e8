import { describe, expect, it } from '@jest/globals';
import type { Model, Provider, RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { Registry } from './registry.js';

const provider = (id: string, change: Partial<Provider> = {}): Provider => ({
  id,
  type: 'openai',
  endpoints: ['http://h/v1'],
  credential: { source: 'none' },
  enabled: true,
  limits: { rpm: 10 },
  timeouts: { connectMs: 1, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 30_000 },
  ...change,
});

const model = (id: string, change: Partial<Model> = {}): Model => ({
  id,
  provider: 'a',
  upstreamModel: id,
  weight: 5,
  enabled: true,
  expectedLatencyMs: 1,
  contextTokens: 1,
  maxOutputTokens: 1,
  price: { inputNano: 0, outputNano: 0, cachedInputNano: 0, cacheWriteNano: 0 },
  capabilities: [],
  kinds: ['chat'],
  dropSamplingParameters: false,
  limits: null,
  ...change,
});

const shared = model('shared');
const own = model('llama3:8b', { limits: { concurrency: 3 } });
const snapshot: RegistrySnapshot = {
  version: 7,
  providers: [provider('a'), provider('b', { enabled: false })],
  models: [shared, own],
  aliases: [{ id: 'smart', members: [{ model: 'shared', weight: 1 }], stickyBy: 'request' }],
};

describe('Registry', () => {
  const registry = new Registry(snapshot);

  it('finds what the snapshot declares, and nothing else', () => {
    expect(registry.version).toBe(7);
    expect(registry.model('llama3:8b')).toBe(own);
    expect(registry.provider('b')).toBe(snapshot.providers[1]);
    expect(registry.alias('smart')).toBe(snapshot.aliases[0]);
    expect([registry.model('smart'), registry.provider('shared'), registry.alias('a')]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });

  it('has a pool for each provider, disabled ones too, and for each model with limits of its own', () => {
    expect(registry.pools()).toEqual([
      { id: 'a', provider: 'a', model: null, limits: { rpm: 10 } },
      { id: 'b', provider: 'b', model: null, limits: { rpm: 10 } },
      { id: 'a/llama3:8b', provider: 'a', model: 'llama3:8b', limits: { concurrency: 3 } },
    ]);
  });

  it.each([
    ['its provider’s', shared, 'a'],
    ['its own', own, 'a/llama3:8b'],
    ['none when its provider is not known', model('x', { provider: 'gone' }), undefined],
  ])('sends a model to %s pool', (_case, subject, pool) => {
    expect(registry.poolOf(subject)?.id).toBe(pool);
  });

  it('knows nothing before the first snapshot', () => {
    expect([Registry.empty().version, Registry.empty().pools()]).toEqual([0, []]);
  });
});
