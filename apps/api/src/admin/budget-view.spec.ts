import { expect, it } from '@jest/globals';
import type { BudgetLevel } from '#contracts/budgets.js';
import { budgetView } from './budget-view.js';

const NOW = Date.parse('2026-11-22T18:30:00Z');

it.each<[Partial<BudgetLevel>, string, string, string, number]>([
  [{}, 'key/day', '2026-11-22', '2026-11-23T00:00:00.000Z', 300_000_000],
  [{ window: 'month' }, 'key/month', '2026-11', '2026-12-01T00:00:00.000Z', 300_000_000],
  // A call may cost more than was reserved for it.
  [{ scope: 'project', spentNano: 3_000_000_000 }, 'project/day', '2026-11-22', '2026-11-23T00:00:00.000Z', 0],
])('a budget %j is shown with its window and what is left', (change, rule, period, resetsAt, left) => {
  const level: BudgetLevel = {
    ...{ scope: 'key', window: 'day', limitNano: 2_000_000_000, reservedNano: 500_000_000, spentNano: 1_200_000_000 },
    ...change,
  };
  expect(budgetView({ project: 'shop', key: 'ci' }, level, NOW)).toMatchObject({
    ...{ project: 'shop', key: 'ci', rule, period, resets_at: resetsAt, limit_usd: 2, reserved_usd: 0.5 },
    ...{ limit_nano: 2_000_000_000, reserved_nano: 500_000_000, spent_nano: level.spentNano, left_nano: left },
  });
});
