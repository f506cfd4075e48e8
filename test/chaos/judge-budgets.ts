import type { Evidence } from './evidence.ts';

export interface BudgetsVerdict {
  /** Nano-dollars that are reserved although every job has ended. */
  stillReservedNano: number;
  broken: string[];
}

/** Holds what the budgets say against the jobs: nothing is reserved any more, and what they cost is spent, neither more nor less. */
export function judgeBudgets({ budgets, lastRead }: Evidence): BudgetsVerdict {
  const jobs = [...lastRead.values()];
  const cost = jobs.reduce((sum, { cost_usd: usd }) => sum + Math.round(usd * 1e9), 0);
  const isOver = jobs.every(({ finished_at: end }) => end !== null);
  const verdict: BudgetsVerdict = { stillReservedNano: 0, broken: [] };
  for (const { rule, reserved_nano: reserved, spent_nano: spent } of budgets) {
    // What a lost job holds is the verdict on its end.
    if (isOver && reserved !== 0) verdict.broken.push(`${rule}: ${reserved} nano-dollars stay reserved`);
    if (spent !== cost) verdict.broken.push(`${rule}: ${spent} nano-dollars are spent, and the jobs cost ${cost}`);
    verdict.stillReservedNano = Math.max(verdict.stillReservedNano, reserved);
  }
  return verdict;
}
