import { describe, expect, it } from '@jest/globals';
import { beyondKeyLimit, keyCharges } from './key-limits.js';

const TOKENS = { inputTokens: 30, outputTokens: 12 };
const MINUTE = 60_000;
const DAY = 86_400_000;

describe('what a job counts against its key', () => {
  it.each([
    [{ rpm: 9 }, 'rpm', MINUTE, 1],
    [{ rpd: 9 }, 'rpd', DAY, 1],
    [{ tpm: 99 }, 'tpm', MINUTE, 42],
    [{ tpd: 99 }, 'tpd', DAY, 42],
    [{ itpm: 99 }, 'itpm', MINUTE, 30],
    [{ otpm: 99 }, 'otpm', MINUTE, 12],
    [{ concurrency: 9 }, 'concurrency', null, 1],
  ])('under %j is one line of it', (limits, rule, windowMs, cost) => {
    const [limit] = Object.values(limits);
    expect(keyCharges(limits, TOKENS)).toEqual([{ rule, limit, windowMs, cost }]);
  });

  it('is nothing without limits', () => {
    expect(keyCharges({}, TOKENS)).toEqual([]);
  });
});

describe('a job that alone is beyond a limit', () => {
  it('is told the rule', () => {
    expect(beyondKeyLimit(keyCharges({ rpm: 1, tpm: 41, itpm: 1 }, TOKENS))).toMatchObject({
      rule: 'tpm',
      limit: 41,
      cost: 42,
    });
  });

  it('is not one that takes all of it', () => {
    expect(beyondKeyLimit(keyCharges({ rpm: 1, tpm: 42, itpm: 30, concurrency: 1 }, TOKENS))).toBeNull();
  });
});
