import type { AttemptRecord } from '#contracts/attempt.js';
import { budgetRules, type BudgetLevel, type BudgetRule } from '#contracts/budgets.js';
import { BudgetLevels } from '#jobs/budget-levels.js';
import type { JobBudget } from '#jobs/job-budgets.js';
import { attemptRecord } from './new-job.js';
import type { RedisFixture } from './redis-fixture.js';

/** What `attemptRecord` costs unless told otherwise. */
export const COST = 1_234;

/** All four rules, each with this limit unless told otherwise. */
export function fourRules(limitNano: number, limits: Partial<Record<string, number>> = {}): BudgetRule[] {
  const rules = budgetRules({
    key: { day: limitNano, month: limitNano },
    project: { day: limitNano, month: limitNano },
  });
  return rules.map((rule) => ({ ...rule, limitNano: limits[`${rule.scope}/${rule.window}`] ?? limitNano }));
}

/** A job that reserves so much of all four budgets. */
export function reserving(reserveNano: number, rules: readonly BudgetRule[]): { budget: JobBudget } {
  return { budget: { rules, reserveNano } };
}

/** How the rules stand now, of the key that `newJob` has. */
export function levels(fixture: RedisFixture, rules: readonly BudgetRule[], key = 'ci'): Promise<BudgetLevel[]> {
  return new BudgetLevels(fixture.redis).read({ project: 'default', key, rules }, Date.now());
}

/** What is reserved and spent, which every rule must agree about. */
export async function standing(
  fixture: RedisFixture,
  rules: readonly BudgetRule[],
): Promise<{ reserved: number; spent: number }> {
  const figures = (await levels(fixture, rules)).map(({ reservedNano, spentNano }) => `${reservedNano} ${spentNano}`);
  if (new Set(figures).size !== 1) throw new Error(`the rules differ: ${figures.join(', ')}`);
  const [reserved = NaN, spent = NaN] = (figures[0] ?? '').split(' ').map(Number);
  return { reserved, spent };
}

/** A failed attempt that had cost so much. */
export function spent(n: number, costNano: number): AttemptRecord {
  return attemptRecord(n, { errorClass: 'transient', costNano });
}
