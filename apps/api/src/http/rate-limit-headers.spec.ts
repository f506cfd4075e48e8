import { describe, expect, it } from '@jest/globals';
import type { KeyLevel } from '#contracts/key-limits.js';
import { rateLimitHeaders, secondsOf } from './rate-limit-headers.js';

const level = (rule: KeyLevel['rule'], more: Partial<KeyLevel> = {}): KeyLevel => ({
  rule,
  limit: 100,
  windowMs: rule.endsWith('d') ? 86_400_000 : 60_000,
  remaining: 50,
  fullInMs: 30_000,
  ...more,
});

describe('the headers of a limited key', () => {
  it("are the draft's, and OpenAI's", () => {
    expect(rateLimitHeaders([level('rpm')])).toEqual({
      'ratelimit-policy': '"rpm";q=100;w=60;qu="requests"',
      ratelimit: '"rpm";r=50;t=30',
      'x-ratelimit-limit-requests': '100',
      'x-ratelimit-remaining-requests': '50',
      'x-ratelimit-reset-requests': '30s',
    });
  });

  it('name every rule', () => {
    const concurrency = level('concurrency', { windowMs: null, limit: 4, remaining: 3, fullInMs: 0 });
    expect(rateLimitHeaders([level('rpd'), level('tpm'), level('itpm'), level('otpm'), concurrency])).toMatchObject({
      'ratelimit-policy': [
        '"rpd";q=100;w=86400;qu="requests"',
        '"tpm";q=100;w=60;qu="tokens"',
        '"itpm";q=100;w=60;qu="input-tokens"',
        '"otpm";q=100;w=60;qu="output-tokens"',
        '"concurrency";q=4;qu="concurrent-requests"',
      ].join(', '),
      ratelimit: '"rpd";r=50;t=30, "tpm";r=50;t=30, "itpm";r=50;t=30, "otpm";r=50;t=30, "concurrency";r=3',
    });
  });

  it('show OpenAI’s clients the rule of which less is left', () => {
    const headers = rateLimitHeaders([
      level('rpm', { remaining: 9, limit: 10 }),
      level('rpd', { remaining: 2, limit: 1_000 }),
      level('tpm', { remaining: 3, limit: 70 }),
      level('tpd', { remaining: 4 }),
    ]);
    expect(headers).toMatchObject({
      'x-ratelimit-limit-requests': '1000',
      'x-ratelimit-remaining-requests': '2',
      'x-ratelimit-limit-tokens': '70',
      'x-ratelimit-remaining-tokens': '3',
    });
  });

  it('give OpenAI’s clients nothing for what OpenAI does not count', () => {
    const headers = rateLimitHeaders([level('itpm'), level('concurrency', { windowMs: null })]);
    expect(Object.keys(headers)).toEqual(['ratelimit-policy', 'ratelimit']);
  });

  it('of a refusal name no window that ends after Retry-After', () => {
    const levels = [level('rpm', { remaining: 0, fullInMs: 60_000 }), level('rpd', { fullInMs: 40_000_000 })];
    const charge = { rule: 'rpm' as const, limit: 100, windowMs: 60_000, cost: 1 };
    const headers = rateLimitHeaders(levels, { charge, waitMs: 2_100 });
    expect(headers.ratelimit).toBe('"rpm";r=0;t=3');
    expect(headers['ratelimit-policy']).toContain('"rpd"');
  });

  it.each([
    [0, '0s'],
    [1, '1ms'],
    [999, '999ms'],
    [1_000, '1s'],
    [1_500, '1.5s'],
    [60_000, '1m0s'],
    [3_599_001, '59m59.001s'],
    [86_399_000, '23h59m59s'],
    [86_400_000, '24h0m0s'],
  ])('write %i ms as Go does: %s', (fullInMs, text) => {
    expect(rateLimitHeaders([level('rpd', { fullInMs })])['x-ratelimit-reset-requests']).toBe(text);
  });
});

it.each([
  [0, 1],
  [1, 1],
  [1_000, 1],
  [1_001, 2],
  [59_999.5, 60],
])('%d ms are %i whole seconds', (ms, seconds) => {
  expect(secondsOf(ms)).toBe(seconds);
});
