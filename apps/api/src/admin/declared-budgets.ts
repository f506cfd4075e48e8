import type { BudgetLevels } from '#jobs/budget-levels.js';
import { everyOwner } from '#registry/budget-owners.js';
import { declaredKeys, type DeclaredKeys } from '#registry/declared-keys.js';

/** The budgets that the configuration declares, as a process finds them when it starts. */
export class DeclaredBudgets {
  constructor(
    private readonly config: DeclaredKeys,
    private readonly levels: Pick<BudgetLevels, 'holdTo'>,
  ) {}

  /** Holds unfinished jobs to them: one that was raised or removed since they were made bounds them no more. */
  async hold(): Promise<void> {
    const now = Date.now();
    for (const owner of everyOwner(declaredKeys(this.config))) await this.levels.holdTo(owner, now);
  }
}
