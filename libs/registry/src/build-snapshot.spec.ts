import { describe, expect, it } from '@jest/globals';
import type { ModelConfig, ProviderConfig } from '#platform/config/config.js';
import { buildSnapshot, toNanoPerToken } from './build-snapshot.js';

const CANARY = 'sk-canary-4711';

const provider: ProviderConfig = {
  id: 'openai',
  type: 'openai',
  endpoints: ['https://api.openai.com/v1'],
  credential: { source: 'env', name: 'OPENAI_API_KEY' },
  enabled: true,
  limits: { rpm: 5 },
  timeouts: { connectMs: 1, firstTokenMs: 2, idleMs: 3, answerMs: 4, coolDownMs: 30_000 },
};

const model: ModelConfig = {
  id: 'gpt-4o',
  provider: 'openai',
  upstreamModel: 'gpt-4o-2024-11-20',
  weight: 8,
  enabled: true,
  expectedLatencyMs: 1_500,
  contextTokens: 128_000,
  maxOutputTokens: 16_384,
  price: { inputPer1k: 0.0025, outputPer1k: 0.01, cachedInputPer1k: 0.00125, cacheWritePer1k: 0.003125 },
  capabilities: ['tools'],
  kinds: ['chat'],
  dropSamplingParameters: false,
  limits: null,
};

describe('buildSnapshot', () => {
  it('carries everything that routing needs, with prices in nano-dollars per token', () => {
    const aliases = [{ id: 'smart', members: [{ model: 'gpt-4o', weight: 1 }], stickyBy: 'key' as const }];
    expect(buildSnapshot({ providers: [provider], models: [model], aliases })).toEqual({
      providers: [provider],
      models: [
        {
          ...model,
          price: { inputNano: 2_500, outputNano: 10_000, cachedInputNano: 1_250, cacheWriteNano: 3_125 },
        },
      ],
      aliases,
    });
  });

  it('shares no object with the configuration, so that neither changes the other', () => {
    const snapshot = buildSnapshot({ providers: [provider], models: [model], aliases: [] });
    snapshot.providers[0]?.endpoints.push('http://elsewhere');
    if (snapshot.providers[0]) snapshot.providers[0].limits.rpm = 1;
    expect(provider).toMatchObject({ endpoints: ['https://api.openai.com/v1'], limits: { rpm: 5 } });
  });

  it.each([
    ['a config credential with its value', { credential: { source: 'config', value: CANARY } }],
    ['an env credential with a value', { credential: { source: 'env', name: 'OPENAI_API_KEY', value: CANARY } }],
    ['a field that providers do not have', { apiKey: CANARY }],
  ])('never lets a secret into the snapshot: %s', (_case, change) => {
    const leaky = { ...provider, ...change } as ProviderConfig;
    expect(JSON.stringify(buildSnapshot({ providers: [leaky], models: [], aliases: [] }))).not.toContain(CANARY);
  });
});

describe('toNanoPerToken', () => {
  it.each([
    [0, 0],
    [0.0025, 2_500],
    [0.000005, 5],
    [0.00002, 20],
    [0.1, 100_000],
    [0.6, 600_000],
    [1.1, 1_100_000],
    // Cheap models, and what is read from their caches, cost less than a nano-dollar a token.
    [4e-7, 0.4],
    [0.00000015, 0.15],
    [0.0000375, 37.5],
    [1e-12, 0.000001],
    // 1.0000005 × 10⁶ is 1000000.4999… in binary.
    [1.0000005, 1_000_000.5],
    [12, 12_000_000],
  ])('%d USD per 1,000 tokens is %d nano-dollars per token', (usd, nano) => {
    expect(toNanoPerToken(usd)).toBe(nano);
  });

  it('gives what goes through the snapshot as it is', () => {
    const prices = [4e-7, 0.00000015, 0.0000375, 1.0000005, 3.7e-9].map(toNanoPerToken);
    expect(JSON.parse(JSON.stringify(prices))).toEqual(prices);
  });
});
