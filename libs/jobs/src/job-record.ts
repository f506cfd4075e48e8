import type { AttemptRecord, PublicError } from '#contracts/attempt.js';
import type { Decision } from '#contracts/decision.js';
import type { CallKind, JobState, JobType, Priority } from '#contracts/job-state.js';
import type { KeyCharge } from '#contracts/key-limits.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import type { HookTarget } from '#contracts/webhook.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import { keys } from '#platform/keys.js';

/** Where a call may go, in order, and how often it may try: fixed when the job is created. */
export interface CallPlan {
  kind: CallKind;
  candidates: { model: string; provider: string; pool: string }[];
  /** The client wants the output piece by piece, whether or not anybody reads the events yet. */
  stream: boolean;
  maxAttempts: number;
  /** The client would rather have an error than an answer for which fields were dropped. */
  strict: boolean;
  onContentFilter: Policy['onContentFilter'];
  /**
   * Somebody waits for the answer at this moment: where every provider is down they are asked all the same, because an error
   * now is worth more than an answer in an hour.
   */
  attended: boolean;
  /** Counted at creation; billed when a broken stream leaves no usage. */
  inputTokens: number;
  /** Expected of the first candidate. */
  outputTokens: number;
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
  /** The key's share of a pool in which several keys wait. */
  share: number;
  /** What it counts against the limits of its key. */
  charges: readonly KeyCharge[];
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
}

/** The id of a job's only call. */
export function answerCallId(jobId: string): string {
  return `${jobId}-answer`;
}

/** What never changes and no script reads, in one field: each field of a hash costs on every write. */
type JobInfo = Pick<JobRecord, 'type' | 'key' | 'notBefore' | 'metadata' | 'decision' | 'estimatedCostNano'>;

/** The record as `HSET` pairs for the job and for its call; what is absent is zero or null. */
export function newJobFields(job: NewJob, list: string): { job: (string | number)[]; call: (string | number)[] } {
  const { type, key, notBefore, metadata, decision, estimatedCostNano } = job;
  const info: JobInfo = { type, key, notBefore, metadata, decision, estimatedCostNano };
  const fields: (string | number)[] = [
    ...['state', 'queued', 'project', job.project, 'priority', job.priority, 'info', JSON.stringify(info)],
    ...['created_at', job.createdAt, 'deadline', job.deadline, 'retain_ms', job.retainMs, 'keep', job.keep ? '1' : '0'],
    ...['list', list],
  ];
  if (job.owner !== null) fields.push('owner', job.owner);
  if (job.waiter !== null) fields.push('waiters', job.waiter);
  if (job.reader !== null) fields.push('readers', job.reader);
  if (job.syncStream) fields.push('sync_stream', '1');
  if (job.idempotency !== null) fields.push('idempotency', job.idempotency.key);
  if (job.hooks.length > 0) fields.push('hooks', JSON.stringify({ outbox: keys.webhookOutbox(), targets: job.hooks }));
  if (job.charges.some(({ rule }) => rule === 'concurrency'))
    fields.push('key_jobs', keys.keyJobs(job.project, job.key));

  const startable = Math.max(job.createdAt, job.notBefore ?? 0);
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
  return { job: fields, call };
}

/** Reads a record from the hashes of the job and its call; null when there is no such job. */
export function parseJobRecord(
  id: string,
  { job, call }: { job: Record<string, string>; call: Record<string, string> },
): JobRecord | null {
  if (job.state === undefined || job.info === undefined) return null;
  const plan = call.plan === undefined ? null : (JSON.parse(call.plan) as CallPlan);
  const candidate = plan?.candidates[Number(call.index ?? 0)];
  const queued = job.state === 'queued' && candidate !== undefined;
  return {
    id,
    ...(JSON.parse(job.info) as JobInfo),
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
    attempts: parseAttempts(call),
    waiting: queued ? { attempt: Number(call.attempt), pool: candidate.pool } : null,
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
    .map((attempt) => ({ ...attempt, usage: attempt.usage && { ...NO_USAGE, ...attempt.usage } }))
    .sort((a, b) => a.n - b.n);
}

function optionalNumber(value: string | undefined): number | null {
  return value === undefined ? null : Number(value);
}
