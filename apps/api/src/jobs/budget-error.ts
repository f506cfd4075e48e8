import { budgetPeriod, budgetRuleName, type BudgetLevel } from '#contracts/budgets.js';
import { TokenhubError } from '#contracts/error-catalogue.js';
import { nanoToUsd, usdText } from '#contracts/money.js';
import type { NewJob } from '#jobs/job-record.js';

type Refused = Pick<NewJob, 'project' | 'key' | 'createdAt' | 'budget'>;

/**
 * The error of a job for which a budget has no room: which one, how it stands, and when it begins anew. Clients are told not to try
 * again: a budget is not a rate.
 */
export function overBudget(job: Refused, levels: readonly BudgetLevel[]): TokenhubError {
  const neededNano = job.budget?.reserveNano ?? 0;
  const level = refusing(levels, neededNano);
  const rule = budgetRuleName(level);
  const resetsAt = new Date(budgetPeriod(level.window, job.createdAt).endsAt).toISOString();
  const whose = level.scope === 'key' ? `key ${job.key}` : `project ${job.project}`;
  const budget = `the budget of the ${whose} for this ${level.window}, ${usdText(level.limitNano)} USD (rule ${rule})`;
  const message =
    neededNano > level.limitNano
      ? `The job may cost ${usdText(neededNano)} USD, which alone is more than ${budget}. A lower max_tokens or a cheaper model reserves less.`
      : `The job may cost ${usdText(neededNano)} USD, and of ${budget}, ${usdText(level.spentNano)} are spent and ${usdText(level.reservedNano)} reserved for unfinished jobs. It resets at ${resetsAt}.`;
  return new TokenhubError('insufficient_quota', message, {
    shouldRetry: false,
    members: {
      rule,
      limit_usd: nanoToUsd(level.limitNano),
      spent_usd: nanoToUsd(level.spentNano),
      reserved_usd: nanoToUsd(level.reservedNano),
      required_usd: nanoToUsd(neededNano),
      resets_at: resetsAt,
    },
  });
}

/** The one that no wait helps with, else the one that resets last: all before it will have room by then. */
function refusing(levels: readonly BudgetLevel[], neededNano: number): BudgetLevel {
  const short = levels.filter(
    ({ limitNano, reservedNano, spentNano }) => reservedNano + spentNano + neededNano > limitNano,
  );
  const found =
    short.find(({ limitNano }) => neededNano > limitNano) ?? short.find(({ window }) => window === 'month') ?? short[0];
  if (!found) throw new RangeError('a job was refused by a budget that has room for it');
  return found;
}
