import { budgetPeriod, type BudgetLevel, type BudgetRule } from '#contracts/budgets.js';
import { keys } from '#platform/keys.js';

/** What a new job reserves, and of which budgets. */
export interface JobBudget {
  rules: readonly BudgetRule[];
  /** Nano-dollars: the most that all of its planned calls can cost. */
  reserveNano: number;
}

/** Levels outlive their month and the last of its jobs by this. */
const LEVELS_KEPT_MS = 7 * 24 * 3_600_000;

/** What of a new job decides where it is counted. */
interface Counted {
  project: string;
  key: string;
  createdAt: number;
  deadline: number;
  budget: JobBudget | null;
}

/** Where a job is counted: all of its windows begin in the month in which it is made. */
export function budgetKeys(job: Counted): string[] {
  return job.budget === null ? [] : [levelsKey(job.project, job.createdAt)];
}

/** The hash with the levels of a project's budgets at this time. */
export function levelsKey(project: string, atMs: number): string {
  return keys.budgetLevels(project, budgetPeriod('month', atMs).name);
}

/** The field of a rule's level: whose budget it is, and its window. */
export function levelField({ scope, window }: BudgetRule, key: string, atMs: number): string {
  return `${scope === 'key' ? `key/${key}` : 'project'}/${budgetPeriod(window, atMs).name}`;
}

/** When the levels of a time may be forgotten: a while after their month, and after what is still to come in it. */
export function levelsKeptUntil(atMs: number, lastEndMs = 0): number {
  return Math.max(budgetPeriod('month', atMs).endsAt, lastEndMs) + LEVELS_KEPT_MS;
}

/** What a new job reserves as its script reads it (`scripts/new-budgets.lua`); nothing without budgets. */
export function budgetArgs({ key, createdAt, deadline, budget }: Counted): (string | number)[] {
  if (budget === null) return [];
  const keptUntil = levelsKeptUntil(createdAt, deadline);
  const levels = budget.rules.flatMap((rule) => [levelField(rule, key, createdAt), rule.limitNano]);
  return [budget.reserveNano, keptUntil, ...levels];
}

/** What the scripts that change a job find of it: where it is counted, and what it holds. */
export function budgetFields(job: Counted): (string | number)[] {
  const { key, createdAt, budget } = job;
  if (budget === null) return [];
  const levels = budget.rules.map((rule) => levelField(rule, key, createdAt));
  return ['budget', [...budgetKeys(job), ...levels].join(' '), 'reserved', budget.reserveNano];
}

/** How these rules stand, from the two figures of each that a script replied with. */
export function parseBudgetFigures(rules: readonly BudgetRule[], figures: readonly unknown[]): BudgetLevel[] {
  return rules.map((rule, i) => ({
    ...rule,
    reservedNano: Number(figures[2 * i]),
    spentNano: Number(figures[2 * i + 1]),
  }));
}
