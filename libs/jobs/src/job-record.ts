import type { AttemptRecord, PublicError } from '#contracts/attempt.js';
import type { Decision } from '#contracts/decision.js';
import { isTerminal, type JobState, type JobType, type Priority } from '#contracts/job-state.js';
import type { KeyCharge } from '#contracts/key-limits.js';
import type { JsonObject } from '#contracts/json.js';
import { changesOf, DEFAULT_POLICY, type Policy } from '#contracts/policy.js';
import type { AttemptPayload } from '#contracts/queue-payloads.js';
import type { HookTarget } from '#contracts/webhook.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import { keys } from '#platform/keys.js';
import { budgetFields, type JobBudget } from './job-budgets.js';
import type { CallPlan } from './call-plan.js';
import { newGraphFields, type GraphStep, type NewGraph } from './graph-record.js';

/** A job as the stores keep it. Times are Unix milliseconds, money integer nano-dollars. */
export interface JobRecord {
  id: string;
  type: JobType;
  state: JobState;
  project: string;
  key: string;
  priority: Priority;
  createdAt: number;
  startedAt: number | null;
  finishedAt: number | null;
  deadline: number;
  notBefore: number | null;
  cancelRequestedAt: number | null;
  metadata: Record<string, string>;
  /** As it was asked for when the job was made; for those who try it again. */
  policy: Policy;
  decision: Decision;
  estimatedCostNano: number;
  model: string | null;
  provider: string | null;
  /** JSON text. */
  result: string | null;
  error: PublicError | null;
  usage: Usage;
  costNano: number;
  attempts: AttemptRecord[];
  /** Of a job that is a graph; else empty. */
  steps: StepRecord[];
  /** The job that this one tries again. */
  retryOf: string | null;
  /** Of an unfinished job: the attempt that waits, and for what. */
  waiting: (AttemptPayload & CallPlan['candidates'][number]) | null;
  /** Only what is short was read of it: neither result nor attempts and steps. */
  brief?: true;
}

/** A step with what its calls have cost. */
export interface StepRecord extends GraphStep {
  usage: Usage;
  costNano: number;
}

/** Everything that creation fixes. */
export interface NewJob {
  id: string;
  type: JobType;
  project: string;
  key: string;
  priority: Priority;
  /** The key's share of a pool in which several keys wait. */
  share: number;
  /** What it counts against the limits of its key. */
  charges: readonly KeyCharge[];
  /** What it reserves of the budgets of its key and project; null without any. */
  budget: JobBudget | null;
  createdAt: number;
  deadline: number;
  notBefore: number | null;
  metadata: Record<string, string>;
  policy: Policy;
  decision: Decision;
  estimatedCostNano: number;
  /** Of its first call. */
  plan: CallPlan;
  /** Of a job that is a graph of steps: its record has those instead of a call. */
  graph: NewGraph | null;
  retryOf: string | null;
  /** The OpenAI-shaped body. */
  request: JsonObject;
  /** How long the record is kept once finished. */
  retainMs: number;
  /** Listed after its end, and with an event stream from the start; false for synchronous jobs that nobody can come back to. */
  keep: boolean;
  /** The API process that a synchronous job belongs to; when it is gone the job is cancelled. */
  owner: string | null;
  /** This process wants the end, or the events, from the start. */
  waiter: string | null;
  reader: string | null;
  /** The client reads a synchronous stream: what was sent cannot be taken back. */
  syncStream: boolean;
  idempotency: { key: string; fingerprint: string } | null;
  /** Who is told of the end by a webhook. */
  hooks: readonly HookTarget[];
  /** Where a history is kept: how many bytes may wait for it before creation is refused. */
  historyBytes: number | null;
}

/** The id of a job's only call. */
export function answerCallId(jobId: string): string {
  return `${jobId}-answer`;
}

/** What never changes and no script reads, in one field: each field of a hash costs on every write. */
type JobInfo = Pick<JobRecord, 'type' | 'key' | 'notBefore' | 'metadata' | 'decision' | 'estimatedCostNano'> & {
  policy?: Partial<Policy>;
  retryOf?: string;
};

/** A record as `HSET` pairs. */
export interface NewFields {
  job: (string | number)[];
  /** Of its call; of a graph, its steps. */
  work: (string | number)[];
  /** Of a graph, the first step's call; empty where there is none. */
  firstCall: (string | number)[];
}

/** The record as `HSET` pairs; what is absent is zero or null. */
export function newJobFields(job: NewJob, list: string): NewFields {
  const { type, key, notBefore, metadata, decision, estimatedCostNano, retryOf } = job;
  const info: JobInfo = {
    ...{ type, key, notBefore, metadata, decision, estimatedCostNano, policy: changesOf(job.policy) },
    ...(retryOf !== null && { retryOf }),
  };
  const fields: (string | number)[] = [
    ...['state', 'queued', 'project', job.project, 'priority', job.priority, 'info', JSON.stringify(info)],
    ...['created_at', job.createdAt, 'deadline', job.deadline, 'retain_ms', job.retainMs, 'keep', job.keep ? '1' : '0'],
    ...['list', list],
    ...budgetFields(job),
  ];
  if (job.owner !== null) fields.push('owner', job.owner);
  if (job.waiter !== null) fields.push('waiters', job.waiter);
  if (job.reader !== null) fields.push('readers', job.reader);
  if (job.syncStream) fields.push('sync_stream', '1');
  if (job.idempotency !== null) fields.push('idempotency', job.idempotency.key);
  if (job.hooks.length > 0) fields.push('hooks', JSON.stringify({ outbox: keys.webhookOutbox(), targets: job.hooks }));
  if (job.charges.some(({ rule }) => rule === 'concurrency'))
    fields.push('key_jobs', keys.keyJobs(job.project, job.key));
  if (job.historyBytes !== null) fields.push('ledger', ledgerField(job));
  const startable = Math.max(job.createdAt, job.notBefore ?? 0);
  if (job.graph !== null) {
    fields.push('steps', keys.steps(job.id));
    const { steps, call } = newGraphFields(job.id, job.graph, { request: job.request, startable });
    return { job: fields, work: steps, firstCall: call };
  }
  const call = [
    'plan',
    JSON.stringify(job.plan),
    'request',
    JSON.stringify(job.request),
    'attempt',
    1,
    'enqueued_at',
    startable,
  ];
  return { job: fields, work: call, firstCall: [] };
}

/** The stream, and what every entry about the job begins with. */
function ledgerField({ id, project, key }: NewJob): string {
  return `${keys.ledger()} ${JSON.stringify({ job: id, project, key }).slice(1, -1)}`;
}

/** What may be large in a record, roughly: its characters. */
export function textLength({ result, steps }: JobRecord): number {
  return steps.reduce((sum, { output }) => sum + (output?.text.length ?? 0), result?.length ?? 0);
}

/** A call's hash, and the id under which it lies. */
export interface CallFields {
  id: string;
  fields: Record<string, string>;
}

/** Reads a record from the hashes of the job, of its calls and, where it is a graph, of its steps; null when there is no such job. */
export function parseJobRecord(
  id: string,
  { job, calls, steps }: { job: Record<string, string>; calls: CallFields[]; steps: GraphStep[] },
): JobRecord | null {
  if (job.state === undefined || job.info === undefined) return null;
  const info = JSON.parse(job.info) as JobInfo;
  const attempts = calls.flatMap(({ fields }) => parseAttempts(fields));
  return {
    id,
    retryOf: null,
    ...info,
    policy: { ...DEFAULT_POLICY, ...info.policy },
    state: job.state as JobState,
    project: job.project ?? '',
    priority: job.priority as Priority,
    createdAt: Number(job.created_at),
    startedAt: optionalNumber(job.started_at),
    finishedAt: optionalNumber(job.finished_at),
    deadline: Number(job.deadline),
    cancelRequestedAt: optionalNumber(job.cancel_requested_at),
    model: job.model ?? null,
    provider: job.provider ?? null,
    result: job.result ?? null,
    error: job.error === undefined ? null : (JSON.parse(job.error) as PublicError),
    ...parseTotals(job.totals),
    attempts,
    steps: steps.map((step) => withTotals(step, attempts)),
    waiting: isTerminal(job.state as JobState) ? null : waitingAttempt(id, calls, job.state as JobState),
  };
}

/** A graph may have several that wait: the first of them stands for the job. One that has begun waits only for its ticket, if at all. */
function waitingAttempt(jobId: string, calls: CallFields[], state: JobState): JobRecord['waiting'] {
  for (const { id, fields } of calls) {
    const plan = fields.plan === undefined ? null : (JSON.parse(fields.plan) as CallPlan);
    const place = plan?.candidates[Number(fields.index ?? 0)];
    const waits = fields.outcome === undefined && (state === 'queued' || fields.run === undefined);
    if (place && waits) return { jobId, callId: id, attempt: Number(fields.attempt), ...place };
  }
  return null;
}

function withTotals(step: GraphStep, attempts: AttemptRecord[]): StepRecord {
  const own = attempts.filter((attempt) => attempt.step === step.id);
  const sum = (of: (usage: Usage) => number): number =>
    own.reduce((total, { usage }) => total + (usage ? of(usage) : 0), 0);
  return {
    ...step,
    usage: {
      inputTokens: sum((usage) => usage.inputTokens),
      outputTokens: sum((usage) => usage.outputTokens),
      cachedInputTokens: sum((usage) => usage.cachedInputTokens),
      cacheWriteInputTokens: sum((usage) => usage.cacheWriteInputTokens),
      reasoningTokens: sum((usage) => usage.reasoningTokens),
    },
    costNano: own.reduce((total, { costNano }) => total + costNano, 0),
  };
}

/**
 * The field that the scripts keep: attempts, input, output, cached and reasoning tokens, nano-dollars, tokens written to a cache.
 * Figures are only ever added at its end, so that records of an older version can still be read.
 */
function parseTotals(totals = ''): Pick<JobRecord, 'usage' | 'costNano'> {
  const figures = totals === '' ? [] : totals.split(' ').map(Number);
  const [, inputTokens = 0, outputTokens = 0, cachedInputTokens = 0, reasoningTokens = 0, costNano = 0] = figures;
  const [cacheWriteInputTokens = 0] = figures.slice(6);
  return {
    usage: { inputTokens, outputTokens, cachedInputTokens, cacheWriteInputTokens, reasoningTokens },
    costNano,
  };
}

function parseAttempts(call: Record<string, string>): AttemptRecord[] {
  return Object.entries(call)
    .filter(([field]) => field.startsWith('attempt:'))
    .map(([, json]) => JSON.parse(json) as AttemptRecord)
    .map((attempt) => ({
      ...attempt,
      ...(call.step !== undefined && { step: call.step }),
      usage: attempt.usage && { ...NO_USAGE, ...attempt.usage },
    }))
    .sort((a, b) => a.n - b.n);
}

function optionalNumber(value: string | undefined): number | null {
  return value === undefined ? null : Number(value);
}
