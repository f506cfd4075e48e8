import { describe, expect, it } from '@jest/globals';
import { budgetPeriod, budgetRuleName, budgetRules } from './budgets.js';

describe('a window', () => {
  it.each([
    ['day', '2026-11-22T00:00:00.000Z', '2026-11-22', '2026-11-22T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['day', '2026-11-22T23:59:59.999Z', '2026-11-22', '2026-11-22T00:00:00.000Z', '2026-11-23T00:00:00.000Z'],
    ['day', '2028-02-29T12:00:00.000Z', '2028-02-29', '2028-02-29T00:00:00.000Z', '2028-03-01T00:00:00.000Z'],
    ['month', '2026-11-30T23:59:59.999Z', '2026-11', '2026-11-01T00:00:00.000Z', '2026-12-01T00:00:00.000Z'],
    ['month', '2026-12-31T23:59:59.999Z', '2026-12', '2026-12-01T00:00:00.000Z', '2027-01-01T00:00:00.000Z'],
  ] as const)('%s of %s is %s in UTC', (window, at, name, startsAt, endsAt) => {
    expect(budgetPeriod(window, Date.parse(at))).toEqual({
      name,
      startsAt: Date.parse(startsAt),
      endsAt: Date.parse(endsAt),
    });
  });
});

it('a key has its own rules and those of its project, each with its name', () => {
  const rules = budgetRules({ key: { day: 1, month: 0 }, project: { month: 3 } });
  expect(rules.map((rule) => [budgetRuleName(rule), rule.limitNano])).toEqual([
    ['key/day', 1],
    ['key/month', 0],
    ['project/month', 3],
  ]);
  expect(budgetRules({ key: {}, project: {} })).toEqual([]);
});
