import type { Job } from './doors.js';
import { partyOf, PRICES } from './fault-cells.js';
import { attemptText, type Outcome } from './fault-outcomes.js';

/** The rest of what an attempt of a job shows. */
interface AttemptView {
  model: string;
  provider: string;
  state: string;
  error: { class: string; code: string; provider_status: number | null } | null;
  usage: Usage | null;
  usage_estimated?: boolean;
  cost_usd: number;
}

interface Usage {
  input_tokens: number;
  output_tokens: number;
}

/** What the record says happened. Throws where an attempt contradicts itself. */
export function recordOf(job: Job): Outcome['record'] {
  return {
    state: job.state,
    error: job.error?.code ?? null,
    named: partyOf(job.provider ?? ''),
    attempts: attemptsOf(job).map(({ model, state, error }) => {
      if ((state === 'completed') !== (error === null)) throw new Error(`an attempt is ${state} with ${error?.code}`);
      return attemptText(partyOf(model), error && { ...error, status: error.provider_status });
    }),
  };
}

/** Who is paid, and whether the sums are right. */
export function billsOf(job: Job): string[] {
  const attempts = attemptsOf(job);
  const usages = attempts.flatMap(({ usage }) => usage ?? []);
  const sum = (of: (usage: Usage) => number): number => usages.reduce((total, usage) => total + of(usage), 0);
  const right =
    job.usage.input_tokens === sum((usage) => usage.input_tokens) &&
    job.usage.output_tokens === sum((usage) => usage.output_tokens) &&
    nanoUsd(job.cost_usd) === attempts.reduce((total, attempt) => total + nanoUsd(attempt.cost_usd), 0);
  return [
    ...attempts.map((attempt) => billOf(attempt, job)),
    right ? 'the job: their sum' : `the job: ${job.cost_usd}`,
  ];
}

function billOf({ model, usage, usage_estimated: estimated, cost_usd: cost }: AttemptView, job: Job): string {
  if (usage === null) return cost === 0 ? 'nothing' : `${cost} for nothing`;
  const by = partyOf(model);
  const price = PRICES[by];
  const due = (usage.input_tokens * price.input_per_1k + usage.output_tokens * price.output_per_1k) / 1_000;
  if (nanoUsd(cost) !== nanoUsd(due)) return `${cost} in place of ${due}`;
  if (estimated !== true) return usage.input_tokens > 0 ? `${by}: its usage` : `${by}: no input`;
  if (usage.input_tokens !== job.decision.input_tokens) return `${by}: counted ${JSON.stringify(usage)}`;
  return usage.output_tokens > 0 ? `${by}: our count` : `${by}: our count of its input`;
}

function attemptsOf(job: Job): AttemptView[] {
  return job.attempts as unknown as AttemptView[];
}

function nanoUsd(usd: number): number {
  return Math.round(usd * 1e9);
}
