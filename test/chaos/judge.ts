import { judgeBudgets, type BudgetsVerdict } from './judge-budgets.ts';
import { judgeEnds, type EndsVerdict } from './judge-ends.ts';
import { judgeSpend, type SpendVerdict } from './judge-spend.ts';
import { judgeSteps, type StepsVerdict } from './judge-steps.ts';
import { judgeTimes, type TimesVerdict } from './judge-times.ts';
import { judgeWebhooks, type WebhooksVerdict } from './judge-webhooks.ts';
import type { Evidence } from './evidence.ts';

export interface Verdict
  extends BudgetsVerdict, EndsVerdict, SpendVerdict, StepsVerdict, TimesVerdict, WebhooksVerdict {
  /** Each way in which a guarantee was broken, in a sentence; empty when all hold. */
  broken: string[];
}

/**
 * Holds what was accepted and what the simulator served against what Tokenhub says became of it. Looks at nothing else. `gapMs` is
 * how long a dead worker's jobs may stand still.
 */
export function judge(evidence: Evidence, limits: { gapMs: number }): Verdict {
  const [ends, spend, times] = [judgeEnds(evidence), judgeSpend(evidence), judgeTimes(evidence, limits)];
  const [steps, webhooks, budgets] = [judgeSteps(evidence), judgeWebhooks(evidence), judgeBudgets(evidence)];
  const broken = [ends, spend, steps, times, webhooks, budgets].flatMap((part) => part.broken);
  return { ...ends, ...spend, ...steps, ...times, ...webhooks, ...budgets, broken };
}
