import {
  budgetPeriod,
  budgetRuleName,
  type BudgetLevel,
  type BudgetOwner,
  type BudgetRule,
} from '#contracts/budgets.js';
import { nanoToUsd } from '#contracts/money.js';

export interface BudgetView extends Record<string, unknown> {
  id: string;
}

/** What a rule is known by in lists. */
export function budgetId(project: string, key: string | null, { scope, window }: BudgetRule): string {
  return [project, scope, ...(key === null ? [] : [key]), window].join('/');
}

/** A budget as the administrator sees it; the `_nano` figures are exact, those in dollars for people. */
export function budgetView(
  { project, key }: Pick<BudgetOwner, 'project' | 'key'>,
  level: BudgetLevel,
  nowMs: number,
): BudgetView {
  const { limitNano, reservedNano, spentNano, window } = level;
  const { name, endsAt } = budgetPeriod(window, nowMs);
  const leftNano = Math.max(limitNano - reservedNano - spentNano, 0);
  return {
    ...{ id: budgetId(project, key, level), project, key, rule: budgetRuleName(level), window, period: name },
    resets_at: new Date(endsAt).toISOString(),
    ...{ limit_usd: nanoToUsd(limitNano), reserved_usd: nanoToUsd(reservedNano) },
    ...{ spent_usd: nanoToUsd(spentNano), left_usd: nanoToUsd(leftNano) },
    ...{ limit_nano: limitNano, reserved_nano: reservedNano, spent_nano: spentNano, left_nano: leftNano },
  };
}
