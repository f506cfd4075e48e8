import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { nanoToUsd, usdToNano } from '#contracts/money.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import { costOf, estimateCost } from './cost.js';

/** gpt-4o's list price in nano-dollars per token; writing to a cache costs a quarter more here. */
const GPT_4O = { inputNano: 2_500, cachedInputNano: 1_250, cacheWriteNano: 3_125, outputNano: 10_000 };
const GPT_4O_MINI = { inputNano: 150, cachedInputNano: 75, cacheWriteNano: 150, outputNano: 600 };
const TINY = { inputNano: 0.1, cachedInputNano: 0.01, cacheWriteNano: 0.2, outputNano: 0.7 };
const usage = (inputTokens: number, outputTokens: number, cachedInputTokens = 0, reasoningTokens = 0): Usage => ({
  inputTokens,
  outputTokens,
  cachedInputTokens,
  cacheWriteInputTokens: 0,
  reasoningTokens,
});
const written = (inputTokens: number, cacheWriteInputTokens: number, cachedInputTokens = 0): Usage => ({
  ...usage(inputTokens, 0, cachedInputTokens),
  cacheWriteInputTokens,
});

describe('costOf', () => {
  it.each([
    ['nothing', NO_USAGE, GPT_4O, 0],
    ['input and output', usage(1_000, 1_000), GPT_4O, 12_500_000],
    ['cached input at its own price and not twice', usage(1_000, 0, 600), GPT_4O, 1_750_000],
    ['input that was cached entirely', usage(1_000, 0, 1_000), GPT_4O, 1_250_000],
    ['cache writes at their own price and not twice', written(1_000, 600), GPT_4O, 2_875_000],
    ['cache writes beside cached input', written(1_000, 600, 300), GPT_4O, 2_500_000],
    ['more written than input as all written', written(100, 500), GPT_4O, 312_500],
    ['more read and written than input as read first', written(100, 500, 60), GPT_4O, 200_000],
    ['reasoning as the part of the output that it is', usage(0, 1_000, 0, 900), GPT_4O, 10_000_000],
    ['a small model', usage(1_234, 567, 1_024), GPT_4O_MINI, 448_500],
    ['more cached than input as all cached', usage(100, 0, 500), GPT_4O, 125_000],
    ['negative figures as nothing', usage(-5, -5, -5), GPT_4O, 0],
    ['negative cache writes as nothing', written(10, -5), GPT_4O, 25_000],
    ['fractions rounded up', usage(1, 1), TINY, 1],
    ['fractions without the noise of floats', usage(3, 0), { ...TINY, inputNano: 1 / 3 }, 1],
    ['fractions that add up to a whole', usage(30, 0), TINY, 3],
    [
      'whole sums exactly, however large',
      usage(1_831_578_974_461_388, 0),
      { ...TINY, inputNano: 1 },
      1_831_578_974_461_388,
    ],
    ['sums past nine dollars exactly', usage(10_000_000_003, 0), GPT_4O, 25_000_000_007_500],
  ])('bills %s', (_name, used, price, nano) => {
    expect(costOf(used, price)).toBe(nano);
  });

  it('of less than a nano-dollar a token is the whole sum, rounded up once, where it is estimated and where it is billed', () => {
    const price = { inputNano: 0.4, cachedInputNano: 0, cacheWriteNano: 0, outputNano: 0 };
    expect([1, 10, 1_000, 1_000_001].map((tokens) => costOf(usage(tokens, 0), price))).toEqual([1, 4, 400, 400_001]);
    expect(estimateCost({ inputTokens: 1_000_001, outputTokens: 0 }, price)).toBe(400_001);
  });

  it('is whole, never negative, and without cache writes never more than without a cache', () => {
    const tokens = fc.integer({ min: -10, max: 1_000_000 });
    const anyPrice = fc.tuple(fc.nat(100_000), fc.nat(100_000), fc.nat(100_000)).map(([input, output, saved]) => ({
      inputNano: input / 1_000,
      outputNano: output / 1_000,
      cachedInputNano: Math.max(0, input - saved) / 1_000,
      cacheWriteNano: (input + saved) / 1_000,
    }));
    fc.assert(
      fc.property(tokens, tokens, tokens, anyPrice, (input, output, cached, price) => {
        const cost = costOf(usage(input, output, cached), price);
        expect(Number.isInteger(cost)).toBe(true);
        expect(cost).toBeGreaterThanOrEqual(0);
        expect(cost).toBeLessThanOrEqual(costOf(usage(input, output), price));
      }),
    );
  });

  it('bills each token of the input once, whatever is said of caches', () => {
    const tokens = fc.integer({ min: -10, max: 1_000_000 });
    const flat = { inputNano: 3, cachedInputNano: 3, cacheWriteNano: 3, outputNano: 0 };
    fc.assert(
      fc.property(tokens, tokens, tokens, (input, cached, cacheWrite) => {
        expect(costOf(written(input, cacheWrite, cached), flat)).toBe(Math.max(0, input) * 3);
      }),
    );
  });
});

describe('money', () => {
  it('keeps whole nano-dollars through dollars and back', () => {
    fc.assert(fc.property(fc.nat(2 ** 31), (nano) => expect(usdToNano(nanoToUsd(nano))).toBe(nano)));
  });

  it('estimates what the same usage would be billed without a cache', () => {
    expect(estimateCost({ inputTokens: 1_000, outputTokens: 10 }, GPT_4O)).toBe(costOf(usage(1_000, 10), GPT_4O));
  });
});
