import type { BudgetLevel } from '#contracts/budgets.js';
import type { KeyCharge, KeyLevel, KeyRefusal } from '#contracts/key-limits.js';
import { keys } from '#platform/keys.js';
import { budgetArgs, budgetKeys, parseBudgetFigures } from './job-budgets.js';
import { stepCallId, stepEvent } from './graph-record.js';
import { answerCallId, newJobFields, type NewJob } from './job-record.js';
import { chargeArgs, parseLevels } from './key-levels.js';
import { turnStep } from './turn.js';

/** How long after creation the reconciler first looks whether the job is really in its queue. */
export const FIRST_LOOK_MS = 15_000;

/** Where a history is kept, an idempotency key stands for its job for at least so long after the end. */
const REPLAY_MS = 24 * 3_600_000;

/**
 * `full`: too much waits for the history to be recorded. `turn`: the place of its first attempt in the order of its pool; `levels`: how
 * the limits of its key stand after it; `budgets`: how its rules stand without it.
 */
export type CreateOutcome =
  | { kind: 'created'; turn: number; levels: KeyLevel[] }
  | { kind: 'replayed'; jobId: string; levels: KeyLevel[] }
  | { kind: 'limited'; refusal: KeyRefusal; levels: KeyLevel[] }
  | { kind: 'over_budget'; budgets: BudgetLevel[]; levels: KeyLevel[] }
  | { kind: 'conflict' }
  | { kind: 'full' };

/** As the script replies. */
export type CreateReply = [CreateOutcome['kind'], ...unknown[]];

/** KEYS of `create.lua`. */
export function createKeys(job: NewJob): string[] {
  const pool = job.plan.candidates[0]?.pool ?? '';
  return [
    keys.job(job.id),
    job.graph === null ? keys.call(answerCallId(job.id)) : keys.steps(job.id),
    keys.events(job.id),
    keys.unfinished(),
    keys.projectJobs(job.project),
    job.idempotency?.key ?? keys.unfinished(),
    keys.poolOrder(pool),
    keys.poolWaiting(pool),
    keys.poolDelayed(pool),
    keys.call(stepCallId(job.id, job.graph?.first?.step.id ?? '', 1)),
    ...(job.charges.length === 0 ? [] : limitKeys(job)),
    ...budgetKeys(job),
    ...(job.historyBytes === null ? [] : [keys.ledger(), keys.ledgerWaiting()]),
  ];
}

/** ARGV of `create.lua`. */
export function createArgs(job: NewJob): (string | number)[] {
  const fields = newJobFields(job, keys.projectJobs(job.project));
  const rules = chargeArgs(job.charges);
  const budgets = budgetArgs(job);
  const first = job.graph?.first?.step;
  return [
    job.id,
    job.createdAt,
    Math.min(job.deadline, Math.max(job.createdAt, job.notBefore ?? 0) + FIRST_LOOK_MS),
    job.keep ? '1' : '0',
    job.idempotency?.fingerprint ?? '',
    // The key outlives the job by its retention: finishing sets its time to live anew.
    job.deadline - job.createdAt + Math.max(job.retainMs, job.historyBytes === null ? 0 : REPLAY_MS),
    `${job.project}/${job.key}/${job.priority}`,
    turnsOf(job),
    first ? stepEvent(first) : '',
    rules.length,
    job.historyBytes ?? '',
    budgets.length,
    ...rules,
    ...budgets,
    fields.job.length,
    ...fields.job,
    fields.work.length,
    ...fields.work,
    ...fields.firstCall,
  ];
}

/** How far a job takes its key's line forward; nothing where its steps each see to that when they begin. */
function turnsOf({ graph, priority, share }: NewJob): number | '' {
  if (graph !== null && graph.first === null) return '';
  return turnStep(priority, share) * (graph?.plan.paidCalls ?? 1);
}

/** KEYS of what counts against the limits of a key. */
export function limitKeys({ project, key }: { project: string; key: string }): string[] {
  return [keys.keyLevels(project, key), keys.keyJobs(project, key)];
}

/** Reads what `create.lua` replied about this job. */
export function parseCreateReply(
  [kind, detail, ...figures]: CreateReply,
  { charges, budget }: Pick<NewJob, 'charges' | 'budget'>,
): CreateOutcome {
  switch (kind) {
    case 'created':
      return { kind, turn: Number(detail), levels: parseLevels(charges, figures) };
    case 'replayed':
      return { kind, jobId: String(detail), levels: parseLevels(charges, figures) };
    case 'limited':
      return { kind, refusal: refusalOf(detail as [number, number], charges), levels: parseLevels(charges, figures) };
    case 'over_budget': {
      const budgets = parseBudgetFigures(budget?.rules ?? [], detail as unknown[]);
      return { kind, budgets, levels: parseLevels(charges, figures) };
    }
    case 'conflict':
    case 'full':
      return { kind };
  }
}

function refusalOf([place, waitMs]: [number, number], charges: readonly KeyCharge[]): KeyRefusal {
  const charge = charges[place - 1];
  if (!charge) throw new RangeError(`rule ${place} of ${charges.length}`);
  return { charge, waitMs };
}
