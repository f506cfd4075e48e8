/** Whose jobs a budget is for: those of one key, or of all keys of a project. */
export type BudgetScope = 'key' | 'project';

/** Over how long a budget counts: a day or a month of the calendar, in UTC. */
export const BUDGET_WINDOWS = ['day', 'month'] as const;
export type BudgetWindow = (typeof BUDGET_WINDOWS)[number];

/** The most that can be said. */
export const LARGEST_BUDGET_USD = 1_000_000;

/** What may be spent in each window, in whole nano-dollars; an absent one is no budget. */
export type Budget = Partial<Record<BudgetWindow, number>>;

/** What the jobs of a key or project that are made in one window may cost together. */
export interface BudgetRule {
  scope: BudgetScope;
  window: BudgetWindow;
  limitNano: number;
}

/** How a rule stands in its window: what unfinished jobs hold, and what was recorded. */
export interface BudgetLevel extends BudgetRule {
  reservedNano: number;
  spentNano: number;
}

/** How clients and operators know a rule. */
export function budgetRuleName({ scope, window }: Pick<BudgetRule, 'scope' | 'window'>): string {
  return `${scope}/${window}`;
}

/** Every rule that holds for a key: its own and its project's. */
export function budgetRules(budgets: Record<BudgetScope, Budget>): BudgetRule[] {
  return (['key', 'project'] as const).flatMap((scope) =>
    BUDGET_WINDOWS.flatMap((window) => {
      const limitNano = budgets[scope][window];
      return limitNano === undefined ? [] : [{ scope, window, limitNano }];
    }),
  );
}

/** Whose budgets these are: a key's own, or, without a key, its project's. */
export interface BudgetOwner {
  project: string;
  key: string | null;
  rules: readonly BudgetRule[];
}

/** When a window began and ends (Unix milliseconds), and its name: `2026-11-22`, `2026-11`. */
export interface BudgetPeriod {
  name: string;
  startsAt: number;
  endsAt: number;
}

/** The window in which a time lies. */
export function budgetPeriod(window: BudgetWindow, atMs: number): BudgetPeriod {
  const at = new Date(atMs);
  const [year, month, day] = [at.getUTCFullYear(), at.getUTCMonth(), at.getUTCDate()];
  const text = at.toISOString();
  switch (window) {
    case 'day':
      return { name: text.slice(0, 10), startsAt: Date.UTC(year, month, day), endsAt: Date.UTC(year, month, day + 1) };
    case 'month':
      return { name: text.slice(0, 7), startsAt: Date.UTC(year, month), endsAt: Date.UTC(year, month + 1) };
  }
}
