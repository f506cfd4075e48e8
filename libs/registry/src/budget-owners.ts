import { budgetRules, type BudgetOwner } from '#contracts/budgets.js';
import type { MadeKeys } from '#contracts/key-rules.js';

/** Every project and key that has budgets, each project before its keys. */
export function budgetOwners(rules: MadeKeys): BudgetOwner[] {
  return everyOwner(rules).filter((owner) => owner.rules.length > 0);
}

/** Every project and key, with budgets or without. */
export function everyOwner({ projects, keys }: MadeKeys): BudgetOwner[] {
  const keysOf = Map.groupBy(keys, ({ project }) => project);
  return projects.flatMap(({ id: project, budget }): BudgetOwner[] => [
    { project, key: null, rules: budgetRules({ key: {}, project: budget }) },
    ...(keysOf.get(project) ?? []).map((key) => ({
      ...{ project, key: key.id },
      rules: budgetRules({ key: key.budget, project: {} }),
    })),
  ]);
}
