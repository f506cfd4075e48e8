import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Job } from '../e2e/doors.ts';
import type { Evidence } from './evidence.ts';
import type { PlannedGraph } from './graph-load.ts';
import { requestsByMarker, stepOf } from './requests.ts';

/** Nano-dollars per token of each model of the scenarios. */
export const PRICES: Record<string, { input: number; output: number }> = {
  main: { input: 200, output: 800 },
  spare: { input: 500, output: 2_000 },
  third: { input: 300, output: 1_100 },
};

export interface SpendVerdict {
  /** Requests that the simulator got for jobs. */
  upstream: number;
  /** How often it broke one, by the kind of fault. */
  faults: Record<string, number>;
  /** Of these, the runs of which no attempt tells: their worker died, or lost its lock, before it could write. */
  repeated: number;
  /** Jobs whose usage or cost is not what the simulator served, or does not add up. */
  wrongSpend: number;
  /** Nano-dollars: recorded on completed attempts, served in the requests that answered these, and served in all. */
  recordedNano: number;
  answeredNano: number;
  servedNano: number;
  broken: string[];
}

interface Usage {
  input_tokens: number;
  output_tokens: number;
}

interface Attempt {
  n: number;
  /** Of a graph. */
  step?: string;
  model: string;
  state: string;
  usage: Usage | null;
  usage_estimated?: boolean;
  cost_usd: number;
}

/** Holds each job's usage and cost against what the simulator served for it. */
export function judgeSpend(evidence: Evidence): SpendVerdict {
  const requests = requestsByMarker(evidence.upstream);
  const all = [...requests.values()].flat();
  const verdict: SpendVerdict = {
    upstream: all.length,
    faults: faultsOf(all),
    repeated: 0,
    wrongSpend: 0,
    recordedNano: 0,
    answeredNano: 0,
    servedNano: all.reduce((sum, request) => sum + servedNano(request), 0),
    broken: [],
  };
  let recorded = 0;
  for (const { submission, jobId } of evidence.receipts) {
    const job = evidence.lastRead.get(jobId ?? '');
    if (job?.finished_at == null) continue;
    const attempts = job.attempts as unknown as Attempt[];
    recorded += attempts.length;
    const { graph } = submission;
    const wrongs = [...wrongCount(job, attempts, graph), ...wrongSums(job, attempts)];
    for (const attempt of attempts.filter(({ state }) => state === 'completed')) {
      const answering = (requests.get(submission.marker) ?? []).find((request) => served(request, attempt, graph));
      verdict.recordedNano += nano(attempt.cost_usd);
      if (answering === undefined) wrongs.push(`the simulator never served what attempt ${attempt.n} used`);
      else verdict.answeredNano += servedNano(answering);
    }
    if (wrongs.length > 0) verdict.wrongSpend++;
    verdict.broken.push(...wrongs.map((wrong) => `${job.id} (${submission.marker}): ${wrong}`));
  }
  verdict.repeated = verdict.upstream - recorded;
  if (verdict.recordedNano !== verdict.answeredNano) {
    verdict.broken.push(
      `recorded ${verdict.recordedNano} nano-dollars, and ${verdict.answeredNano} were served for them`,
    );
  }
  return verdict;
}

function faultsOf(requests: readonly SeenRequest[]): Record<string, number> {
  const faults: Record<string, number> = {};
  for (const { fault } of requests) if (fault !== null) faults[fault] = (faults[fault] ?? 0) + 1;
  return faults;
}

/** A chat has one completed attempt, and a graph one for each of its steps; how many a graph had before it was cancelled is its steps' to say. */
function wrongCount(job: Job, attempts: readonly Attempt[], graph: PlannedGraph | null): string[] {
  if (graph !== null && job.state !== 'completed') return [];
  const due = job.state === 'completed' ? (graph?.steps.length ?? 1) : 0;
  const completed = attempts.filter(({ state }) => state === 'completed').length;
  return completed === due ? [] : [`${completed} completed attempts`];
}

function wrongSums(job: Job, attempts: readonly Attempt[]): string[] {
  const wrongs: string[] = [];
  for (const attempt of attempts) {
    const due = attempt.usage === null ? 0 : costNano(attempt.model, attempt.usage);
    if (nano(attempt.cost_usd) !== due) wrongs.push(`attempt ${attempt.n} costs ${attempt.cost_usd}, not ${due} nano`);
    // What a failed attempt used, its provider did not say.
    if (attempt.state !== 'completed' && attempt.usage !== null && attempt.usage_estimated !== true) {
      wrongs.push(`attempt ${attempt.n} failed, and has a usage as if it had been served`);
    }
  }
  const costs = attempts.reduce((sum, { cost_usd: usd }) => sum + nano(usd), 0);
  if (nano(job.cost_usd) !== costs) wrongs.push(`it costs ${job.cost_usd}, its attempts ${costs} nano`);
  for (const kind of ['input_tokens', 'output_tokens'] as const) {
    const sum = attempts.reduce((total, { usage }) => total + (usage?.[kind] ?? 0), 0);
    if (job.usage[kind] !== sum) wrongs.push(`it used ${job.usage[kind]} ${kind}, its attempts ${sum}`);
  }
  return wrongs;
}

function served(request: SeenRequest, { model, usage, step }: Attempt, graph: PlannedGraph | null): boolean {
  return (
    request.model === model &&
    (graph === null || stepOf(request, graph) === step) &&
    request.served !== null &&
    request.served.input === usage?.input_tokens &&
    request.served.output === usage.output_tokens
  );
}

function servedNano({ model, served: tokens }: SeenRequest): number {
  if (tokens === null || model === null) return 0;
  return costNano(model, { input_tokens: tokens.input, output_tokens: tokens.output });
}

function costNano(model: string, usage: Usage): number {
  const price = PRICES[model];
  if (price === undefined) throw new RangeError(`no price of ${model}`);
  return usage.input_tokens * price.input + usage.output_tokens * price.output;
}

function nano(usd: number): number {
  return Math.round(usd * 1e9);
}
