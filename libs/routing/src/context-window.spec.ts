import { describe, expect, it } from '@jest/globals';
import type { Model } from '#contracts/registry-snapshot.js';
import { isDoubtful, overflowDetail } from './context-window.js';
import type { RequestFeatures } from './request-features.js';

const model = { id: 'm', contextTokens: 1_000, maxOutputTokens: 1_000 } as Model;

const use = (longestInputTokens: number, requestedOutputTokens: number, discovered?: number) => ({
  features: { kind: 'chat', longestInputTokens, requestedOutputTokens } as RequestFeatures,
  views: { contextTokens: new Map(discovered === undefined ? [] : [['m', discovered]]) },
});

describe('whether a request fits is doubtful', () => {
  // A window of 1000: input and output may be estimated at 869 together, and the input may be off by a quarter.
  it.each<[string, number, number, boolean]>([
    ['it fits however far the estimate is off', 718, 100, false],
    ['it fits by the estimate, but the estimate may be too low', 721, 100, true],
    ['it fits but for the headroom', 850, 100, true],
    ['it fits but for the headroom that its output takes', 80, 800, true],
    ['the estimate does not fit, but it may be too high', 1_125, 100, true],
    ['it fits in no case', 1_126, 100, false],
    ['the answer alone fills the window', 1, 1_000, false],
  ])('or not: %s', (_name, input, output, doubtful) => {
    expect(isDoubtful(model, use(input, output))).toBe(doubtful);
  });

  it.each([
    [500, true],
    [340, false],
    [2_000, false],
  ])('by the window of %d that its servers tell, where that is smaller', (window, doubtful) => {
    expect(isDoubtful(model, use(400, 100, window))).toBe(doubtful);
  });

  it.each([0, 100, 200, 400, 718, 721, 769, 770, 900, 1_125, 1_126])(
    'exactly when a count within a quarter of %d could overturn the estimate, or its headroom did not hold',
    (input) => {
      const options = use(input, 100);
      const detail = (exact: number) =>
        overflowDetail(model, { ...options, exactInputTokens: new Map([['m', exact]]) });
      const fits = overflowDetail(model, { ...options, exactInputTokens: new Map() }) === null;
      const couldChange = fits ? detail(Math.floor(input * 1.25)) !== null : detail(Math.ceil(input / 1.25)) === null;
      expect(isDoubtful(model, options)).toBe(couldChange);
    },
  );
});
