import { describe, expect, it } from '@jest/globals';
import type { LiveViews } from '#contracts/live-views.js';
import { DEFAULT_POLICY, type Policy } from '#contracts/policy.js';
import type { Model, Provider } from '#contracts/registry-snapshot.js';
import { ALL_CREDENTIALS, ALL_OFFERED, UNKNOWN_CONTEXTS, UNKNOWN_HEALTH, UNKNOWN_LOAD } from '#contracts/live-views.js';
import { findDoubts } from './find-doubts.js';
import { indexRegistry } from './registry-index.js';

const provider = (id: string, type: Provider['type'], enabled = true): Provider => ({
  id,
  type,
  endpoints: ['http://127.0.0.1/v1'],
  credential: { source: 'none' },
  enabled,
  limits: {},
  timeouts: { connectMs: 1, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 30_000 },
});
const PROVIDERS = [provider('local', 'vllm'), provider('other', 'vllm'), provider('cloud', 'openai')];

/** Of the window of 1000, what `inputTokens` says decides; dearer by the order of the list. */
const model = (id: string, change: Partial<Model> = {}): Model => ({
  id,
  provider: 'local',
  upstreamModel: id,
  weight: 5,
  enabled: true,
  expectedLatencyMs: 1_000,
  contextTokens: 1_000,
  maxOutputTokens: 100,
  price: { inputNano: id.charCodeAt(0), outputNano: 0, cachedInputNano: 0, cacheWriteNano: 0 },
  capabilities: ['streaming'],
  kinds: ['chat'],
  dropSamplingParameters: false,
  limits: null,
  ...change,
});

interface Scene {
  models: Model[];
  providers?: Provider[];
  named?: string;
  policy?: Partial<Policy>;
  views?: Partial<LiveViews>;
  needs?: Model['capabilities'];
}

function doubted({ models, providers = PROVIDERS, named, policy, views, needs = [] }: Scene): string[] {
  const options = {
    features: {
      kind: 'chat' as const,
      model: named ?? null,
      inputTokens: 850,
      longestInputTokens: 850,
      requestedOutputTokens: 100,
      answers: 1,
      needs,
    },
    policy: { ...DEFAULT_POLICY, ...policy },
    registry: indexRegistry({ version: 1, providers, models, aliases: [] }),
    views: {
      health: UNKNOWN_HEALTH,
      modelHealth: UNKNOWN_HEALTH,
      load: UNKNOWN_LOAD,
      credentials: ALL_CREDENTIALS,
      contextTokens: UNKNOWN_CONTEXTS,
      offers: ALL_OFFERED,
      ...views,
    },
    exactInputTokens: new Map<string, number>(),
    allowed: null,
    sticky: { key: 'k', request: 'r' },
  };
  return findDoubts(options, ({ type }) => type === 'vllm').map(({ model: { id } }) => id);
}

describe('models for which an exact count would decide', () => {
  it('come in the order in which they would be tried', () => {
    const models = [model('c'), model('a'), model('b')];
    expect(doubted({ models })).toEqual(['a', 'b', 'c']);
    expect(doubted({ models, named: 'c', policy: { fallback: true } })).toEqual(['c', 'a', 'b']);
    expect(doubted({ models, policy: { models: ['b', 'a'] } })).toEqual(['b', 'a']);
  });

  it.each<[string, Scene]>([
    ['no provider that can be asked', { models: [model('a', { provider: 'cloud' })] }],
    ['no provider at all', { models: [model('a', { provider: 'nobody' })] }],
    ['a window that is large enough', { models: [model('a', { contextTokens: 10_000 })] }],
    ['a window that is far too small', { models: [model('a', { contextTokens: 500 })] }],
    ['been disabled', { models: [model('a', { enabled: false })] }],
    ['a provider that is disabled', { models: [model('a')], providers: [provider('local', 'vllm', false)] }],
    ['not what the request needs', { models: [model('a')], needs: ['vision'] }],
    ['too little weight', { models: [model('a')], policy: { minWeight: 6 } }],
    ['been left out by policy.models', { models: [model('a'), model('z', { kinds: [] })], policy: { models: ['z'] } }],
    [
      'a provider that is down, whose server would not answer',
      { models: [model('a')], views: { health: new Map([['local', { state: 'down', failureRate: 1 }]]) } },
    ],
  ])('are none that have %s', (_name, scene) => {
    expect(doubted({ ...scene, models: [...scene.models] })).toEqual([]);
  });

  it('are the pinned one alone where fallback is false', () => {
    const models = [model('a', { provider: 'other' }), model('b')];
    expect(doubted({ models, policy: { models: ['b', 'a'], fallback: false } })).toEqual(['b']);
  });

  it('refuse an unknown name as the plan does', () => {
    expect(() => doubted({ models: [model('a')], named: 'nope' })).toThrow(
      expect.objectContaining({ code: 'model_not_found' }),
    );
  });
});
