import { BUDGET_WINDOWS, budgetPeriod, type BudgetOwner, type BudgetWindow } from '#contracts/budgets.js';
import type { UsageReport } from '#history/usage-report.js';
import type { BudgetLevels } from '#jobs/budget-levels.js';

/**
 * Brings what is spent of every budget in its current window up to the usage on record. That is by the day in which an attempt ended, not
 * in which its job was made: what began in the window before counts, too. Throws `store_unavailable` while the database is away.
 */
export async function recountBudgets(
  owners: readonly BudgetOwner[],
  { levels, report }: { levels: Pick<BudgetLevels, 'raiseSpent'>; report: Pick<UsageReport, 'sums'> },
  nowMs: number,
): Promise<void> {
  const recorded = new Map<BudgetWindow, Map<string, number>>();
  for (const window of BUDGET_WINDOWS) recorded.set(window, await costsIn(window, report, nowMs));
  for (const [project, own] of Map.groupBy(owners, (owner) => owner.project)) {
    const spends = own.flatMap(({ key, rules }) => {
      const name = nameOf(project, key);
      return rules.map((rule) => ({ key, rule, spentNano: recorded.get(rule.window)?.get(name) ?? 0 }));
    });
    await levels.raiseSpent(project, spends, nowMs);
  }
}

/** What each project and each key has used in the window, in nano-dollars. */
async function costsIn(
  window: BudgetWindow,
  report: Pick<UsageReport, 'sums'>,
  nowMs: number,
): Promise<Map<string, number>> {
  const { startsAt, endsAt } = budgetPeriod(window, nowMs);
  const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);
  const days = { from: dayOf(startsAt), to: dayOf(endsAt - 1) };
  const sums = [...(await report.sums('project', days)), ...(await report.sums('key', days))];
  return new Map(sums.map(({ group, costNano }) => [nameOf(group.project ?? '', group.key ?? null), costNano]));
}

function nameOf(project: string, key: string | null): string {
  return key === null ? project : `${project}/${key}`;
}
