import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Job } from '../e2e/doors.ts';
import type { Evidence } from './evidence.ts';
import type { PlannedGraph, PlannedStep } from './graph-load.ts';
import { requestsByCall, type CallRequests } from './requests.ts';
import { NOTICED_MS, wasAway, type Timeline } from './timeline.ts';

export interface StepsVerdict {
  /** Graphs that ended, and steps that they completed. */
  graphs: number;
  steps: number;
  /** Answers that were served to the end for a step that had got one before: the worker that had it died before it could commit it. */
  stepsAnsweredAgain: number;
  broken: string[];
}

/** A step as its job shows it. */
interface Step {
  id: string;
  state: string;
  finished_at: string | null;
  cost_usd: number;
  output: string | null;
}

interface StepAttempt {
  n: number;
  step?: string;
  state: string;
  cost_usd: number;
}

/**
 * A worker takes a job for 8 s and renews that every 4 s: for so long at least nobody else runs what a dead one ran. Less than 4 s,
 * because a busy worker renews late.
 */
const LEAST_RECOVERY_MS = 2_000;

/** Between a worker's leave to begin and its request at the simulator. */
const ON_ITS_WAY_MS = 500;

/** Looks at graphs step by step: each as it was planned, asked for once, and never again once it had completed. */
export function judgeSteps(evidence: Evidence): StepsVerdict {
  const verdict: StepsVerdict = { graphs: 0, steps: 0, stepsAnsweredAgain: 0, broken: [] };
  const calls = Map.groupBy(requestsByCall(evidence), ({ marker }) => marker);
  for (const { submission, jobId } of evidence.receipts) {
    const { graph, marker } = submission;
    const job = evidence.lastRead.get(jobId ?? '');
    if (graph === null || job?.finished_at == null) continue;
    const steps = stepsOf(job);
    const asked = calls.get(marker) ?? [];
    verdict.graphs++;
    verdict.steps += steps.filter(({ state }) => state === 'completed').length;
    verdict.stepsAnsweredAgain += answeredAgain(asked);
    const wrongs = [
      ...(job.state === 'completed' ? notAsPlanned(steps, graph) : []),
      ...wrongCosts(job, steps),
      ...(job.state === 'cancelled' ? goesOn(job, asked) : []),
      ...asked.flatMap((call) => runAgain(call, { steps, timeline: evidence.timeline })),
    ];
    verdict.broken.push(...wrongs.map((wrong) => `${job.id} (${marker}): ${wrong}`));
  }
  return verdict;
}

function stepsOf(job: Job): Step[] {
  return (job.steps ?? []) as Step[];
}

/** Steps that are missing, skipped though they were due, done though they were not, or with another's answer. */
function notAsPlanned(steps: readonly Step[], { steps: planned }: PlannedGraph): string[] {
  const due = new Map<string, PlannedStep>(planned.map((step) => [step.id, step]));
  const missing = planned.filter(({ id }) => !steps.some((step) => step.id === id));
  return [
    ...missing.map(({ id }) => `it has no step ${id}`),
    ...steps.flatMap(({ id, state, output }) => {
      const plan = due.get(id);
      const wanted = plan === undefined ? 'skipped' : 'completed';
      if (state !== wanted) return [`${id} is ${state}, not ${wanted}`];
      return plan !== undefined && output !== plan.shows ? [`${id} says "${output}"`] : [];
    }),
  ];
}

/** What does not add up from attempts to steps, and from steps to the job. */
function wrongCosts(job: Job, steps: readonly Step[]): string[] {
  const attempts = job.attempts as unknown as StepAttempt[];
  const wrongs = attempts
    .filter(({ step }) => !steps.some(({ id }) => id === step))
    .map(({ n, step }) => `attempt ${n} is of ${step ?? 'no step'}`);
  for (const { id, state, cost_usd: usd } of steps) {
    const own = attempts.filter(({ step }) => step === id);
    const completed = own.filter((attempt) => attempt.state === 'completed').length;
    // When a graph is cancelled, an answer may have come that its step had not read yet.
    const fits = state === 'completed' ? completed === 1 : completed === 0 || job.state !== 'completed';
    if (!fits) wrongs.push(`${id} is ${state} with ${completed} completed attempts`);
    if (nano(usd) !== sum(own)) wrongs.push(`${id} costs ${usd}, its attempts ${sum(own)} nano`);
  }
  if (nano(job.cost_usd) !== sum(steps)) wrongs.push(`it costs ${job.cost_usd}, its steps ${sum(steps)} nano`);
  return wrongs;
}

/** What a cancelled graph still does after its end. */
function goesOn(job: Job, calls: readonly CallRequests[]): string[] {
  const over = Date.parse(job.finished_at ?? '') + NOTICED_MS;
  return calls.flatMap(({ step, requests }) => [
    ...requests.filter(({ at }) => at > over).map(() => `${step ?? 'something'} was asked for after it was cancelled`),
    ...requests
      .filter(({ at, ended_at: end }) => at <= over && (end ?? Infinity) > over)
      .map(() => `the connection of ${step ?? 'something'} was not dropped when it was cancelled`),
  ]);
}

/** Requests that nothing explains: for what was not to be asked, after the answer was committed, or while its worker lived. */
function runAgain(
  { step, requests }: CallRequests,
  { steps, timeline }: { steps: readonly Step[]; timeline: Timeline },
): string[] {
  if (step === null) return [`the simulator got ${requests.length} requests of none of its planned steps`];
  const done = steps.find(({ id, state }) => id === step && state === 'completed');
  const doneAt = done?.finished_at == null ? Infinity : Date.parse(done.finished_at);
  const late = requests.filter(({ at }) => at > doneAt);
  const twice = requests.slice(1).filter((next, i) => {
    const before = requests[i];
    return before !== undefined && !isExplained(before, next, timeline);
  });
  return [
    ...late.map(({ at }) => `${step} was run again ${at - doneAt} ms after it had completed`),
    ...twice.map(() => `${step} was run again though the worker that ran it had not died`),
  ];
}

/** A fault struck the run before, its worker died long enough ago, or the store was away. */
function isExplained(run: SeenRequest, next: SeenRequest, timeline: Timeline): boolean {
  if (run.fault !== null || wasAway(timeline, run.at, next.at)) return true;
  const from = run.ended_at === null ? run.at - ON_ITS_WAY_MS : run.ended_at - NOTICED_MS;
  return timeline.workerDeaths.some((at) => at >= from && at <= next.at - LEAST_RECOVERY_MS);
}

function answeredAgain(calls: readonly CallRequests[]): number {
  const answers = calls.map(({ requests }) => requests.filter(({ served }) => served !== null).length);
  return answers.reduce((total, served) => total + Math.max(served - 1, 0), 0);
}

function sum(parts: readonly { cost_usd: number }[]): number {
  return parts.reduce((total, { cost_usd: usd }) => total + nano(usd), 0);
}

function nano(usd: number): number {
  return Math.round(usd * 1e9);
}
