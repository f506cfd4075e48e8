import { budgetRules, type BudgetOwner } from '#contracts/budgets.js';
import type { ProjectConfig } from '#platform/config/config.js';

/** Every project and key that has budgets, each project before its keys. */
export function budgetOwners(projects: readonly ProjectConfig[]): BudgetOwner[] {
  const owners = projects.flatMap(({ id: project, budget, keys }): BudgetOwner[] => [
    { project, key: null, rules: budgetRules({ key: {}, project: budget }) },
    ...keys.map((key) => ({ project, key: key.id, rules: budgetRules({ key: key.budget, project: {} }) })),
  ]);
  return owners.filter(({ rules }) => rules.length > 0);
}
