import { judgeEnds, type EndsVerdict } from './judge-ends.ts';
import { judgeSpend, type SpendVerdict } from './judge-spend.ts';
import { judgeTimes, type TimesVerdict } from './judge-times.ts';
import type { Evidence } from './evidence.ts';

export interface Verdict extends EndsVerdict, SpendVerdict, TimesVerdict {
  /** Each way in which a guarantee was broken, in a sentence; empty when all hold. */
  broken: string[];
}

/**
 * Holds what was accepted and what the simulator served against what Tokenhub says became of it. Looks at nothing else. `gapMs` is
 * how long a dead worker's jobs may stand still.
 */
export function judge(evidence: Evidence, limits: { gapMs: number }): Verdict {
  const [ends, spend, times] = [judgeEnds(evidence), judgeSpend(evidence), judgeTimes(evidence, limits)];
  return { ...ends, ...spend, ...times, broken: [...ends.broken, ...spend.broken, ...times.broken] };
}
