import type { AttemptRecord, PublicError } from '#contracts/attempt.js';
import type { Decision } from '#contracts/decision.js';
import type { CallKind, JobState, JobType, Priority } from '#contracts/job-state.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import type { Usage } from '#contracts/usage.js';

/** Where a call may go, in order, and how often it may try: fixed when the job is created. */
export interface CallPlan {
  kind: CallKind;
  candidates: { model: string; provider: string; pool: string }[];
  /** The client wants the output piece by piece, whether or not anybody reads the events yet. */
  stream: boolean;
  maxAttempts: number;
  onContentFilter: Policy['onContentFilter'];
  /** Counted at creation; billed when a broken stream leaves no usage. */
  inputTokens: number;
}

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
  /** While queued: the attempt that waits. */
  waiting: { attempt: number; pool: string } | null;
}

/** Everything that creation fixes. */
export interface NewJob {
  id: string;
  type: JobType;
  project: string;
  key: string;
  priority: Priority;
  createdAt: number;
  deadline: number;
  notBefore: number | null;
  metadata: Record<string, string>;
  decision: Decision;
  estimatedCostNano: number;
  plan: CallPlan;
  /** The OpenAI-shaped body. */
  request: JsonObject;
  /** How long the record is kept once finished. */
  retainMs: number;
  /** Listed, and with an event stream from the start; false for synchronous jobs that nobody can come back to. */
  keep: boolean;
  /** The API process that a synchronous job belongs to; when it is gone the job is cancelled. */
  owner: string | null;
  /** This process wants the end, or the events, from the start. */
  waiter: string | null;
  reader: string | null;
  /** The client reads a synchronous stream: what was sent cannot be taken back. */
  syncStream: boolean;
  idempotency: { key: string; fingerprint: string } | null;
}

/** The id of a job's only call. */
export function answerCallId(jobId: string): string {
  return `${jobId}-answer`;
}

/** The record as `HSET` pairs for the job and for its call. */
export function newJobFields(job: NewJob, indexKey: string): { job: (string | number)[]; call: (string | number)[] } {
  const fields: (string | number)[] = [
    ...['id', job.id, 'type', job.type, 'state', 'queued', 'project', job.project, 'key', job.key],
    ...['priority', job.priority, 'created_at', job.createdAt, 'deadline', job.deadline],
    ...['decision', JSON.stringify(job.decision), 'estimated_cost_nano', job.estimatedCostNano],
    ...['retain_ms', job.retainMs, 'keep', job.keep ? '1' : '0', 'index', indexKey],
  ];
  if (Object.keys(job.metadata).length > 0) fields.push('metadata', JSON.stringify(job.metadata));
  if (job.notBefore !== null) fields.push('not_before', job.notBefore);
  if (job.owner !== null) fields.push('owner', job.owner);
  if (job.waiter !== null) fields.push('waiters', job.waiter);
  if (job.reader !== null) fields.push('readers', job.reader);
  if (job.syncStream) fields.push('sync_stream', '1');
  if (job.idempotency !== null) fields.push('idempotency', job.idempotency.key);

  const call: (string | number)[] = [
    ...['job', job.id, 'plan', JSON.stringify(job.plan), 'request', JSON.stringify(job.request)],
    ...['attempt', 1, 'index', 0, 'used', 0, 'tries', 0, 'enqueued_at', job.createdAt],
  ];
  if (job.notBefore !== null) call.push('not_before', job.notBefore);
  return { job: fields, call };
}

/** Reads a record from the hashes of the job and its call; null when there is no such job. */
export function parseJobRecord(job: Record<string, string>, call: Record<string, string>): JobRecord | null {
  if (job.id === undefined || job.state === undefined) return null;
  const plan = call.plan === undefined ? null : (JSON.parse(call.plan) as CallPlan);
  const candidate = plan?.candidates[Number(call.index)];
  const queued = job.state === 'queued' && candidate !== undefined;
  return {
    id: job.id,
    type: job.type as JobType,
    state: job.state as JobState,
    project: job.project ?? '',
    key: job.key ?? '',
    priority: job.priority as Priority,
    createdAt: Number(job.created_at),
    startedAt: optionalNumber(job.started_at),
    finishedAt: optionalNumber(job.finished_at),
    deadline: Number(job.deadline),
    notBefore: optionalNumber(job.not_before),
    cancelRequestedAt: optionalNumber(job.cancel_requested_at),
    metadata: job.metadata === undefined ? {} : (JSON.parse(job.metadata) as Record<string, string>),
    decision: JSON.parse(job.decision ?? 'null') as Decision,
    estimatedCostNano: Number(job.estimated_cost_nano ?? 0),
    model: job.model ?? null,
    provider: job.provider ?? null,
    result: job.result ?? null,
    error: job.error === undefined ? null : (JSON.parse(job.error) as PublicError),
    ...parseTotals(job.totals),
    attempts: parseAttempts(call),
    waiting: queued ? { attempt: Number(call.attempt), pool: candidate.pool } : null,
  };
}

/** The field that the scripts keep: attempts, input, output, cached and reasoning tokens, nano-dollars. */
function parseTotals(totals = '0 0 0 0 0 0'): Pick<JobRecord, 'usage' | 'costNano'> {
  const [, inputTokens = 0, outputTokens = 0, cachedInputTokens = 0, reasoningTokens = 0, costNano = 0] = totals
    .split(' ')
    .map(Number);
  return { usage: { inputTokens, outputTokens, cachedInputTokens, reasoningTokens }, costNano };
}

function parseAttempts(call: Record<string, string>): AttemptRecord[] {
  return Object.entries(call)
    .filter(([field]) => field.startsWith('attempt:'))
    .map(([, json]) => JSON.parse(json) as AttemptRecord)
    .sort((a, b) => a.n - b.n);
}

function optionalNumber(value: string | undefined): number | null {
  return value === undefined ? null : Number(value);
}
