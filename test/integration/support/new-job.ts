import type { AttemptRecord, ErrorClass } from '#contracts/attempt.js';
import type { TerminalState } from '#contracts/job-state.js';
import type { AttemptStore, Outcome, Run } from '#jobs/attempt-store.js';
import { defaultOrchestration, type OrchestrationSpec, type OutputSpec } from '#contracts/orchestration.js';
import { DEFAULT_POLICY, type Policy } from '#contracts/policy.js';
import type { CallPlan } from '#jobs/call-plan.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import { plannedCalls, stepsOf } from '#orchestration/steps-of.js';

let made = 0;

export type NewJobOptions = Partial<Omit<NewJob, 'plan'>> & { plan?: Partial<CallPlan> };

/** A kept chat job for the models `small` and `large` of the pool `acme`, due in an hour, unless told otherwise. */
export function newJob(options: NewJobOptions = {}): NewJob {
  const createdAt = options.createdAt ?? Date.now();
  return {
    id: `job_${String(++made).padStart(32, '0')}`,
    type: 'chat',
    project: 'default',
    key: 'ci',
    priority: 'normal',
    createdAt,
    deadline: Date.now() + 3_600_000,
    notBefore: null,
    metadata: {},
    share: 1,
    charges: [],
    budget: null,
    decision: { mode: 'normal', reason: 'test', inputTokens: 7, outputTokens: 100, candidates: [], excluded: [] },
    estimatedCostNano: 1_000,
    request: { model: 'auto', messages: [{ role: 'user', content: 'Say it.' }] },
    retainMs: 86_400_000,
    keep: true,
    owner: null,
    waiter: null,
    reader: null,
    syncStream: false,
    idempotency: null,
    hooks: [],
    historyBytes: null,
    graph: null,
    retryOf: null,
    policy: DEFAULT_POLICY,
    ...options,
    plan: {
      kind: 'chat',
      candidates: [
        { model: 'small', provider: 'acme', pool: 'acme' },
        { model: 'large', provider: 'bolt', pool: 'bolt' },
      ],
      stream: false,
      maxAttempts: 6,
      strict: false,
      onContentFilter: 'fail',
      attended: false,
      inputTokens: 7,
      outputTokens: 100,
      ...options.plan,
    },
  };
}

/** A synchronous job of the API process `owner` that nobody can come back to. */
export function unkept(options: NewJobOptions = {}): NewJob {
  return newJob({ keep: false, retainMs: 60_000, owner: 'api-1', ...options });
}

/** One run of an attempt; the token stands for BullMQ's lock. */
export function runOf(job: Pick<NewJob, 'id'>, token: string, attempt = 1): Run {
  return { jobId: job.id, callId: answerCallId(job.id), attempt, run: token };
}

export function attemptRecord(
  n: number,
  options: Partial<AttemptRecord> & { errorClass?: ErrorClass } = {},
): AttemptRecord {
  const { errorClass, ...rest } = options;
  return {
    n,
    model: 'small',
    provider: 'acme',
    state: errorClass ? 'failed' : 'completed',
    error: errorClass ? { code: 'upstream', message: 'It failed.', class: errorClass, providerStatus: 500 } : null,
    waitedMs: 1,
    ttftMs: null,
    durationMs: 2,
    usage: { inputTokens: 7, outputTokens: 3, cachedInputTokens: 2, cacheWriteInputTokens: 4, reasoningTokens: 1 },
    usageEstimated: false,
    costNano: 1_234,
    ...rest,
  };
}

/** What a run commits to bring a job into this state. */
export function outcomeOf(state: TerminalState, attempt = 1): Outcome {
  const completed = state === 'completed';
  const error = completed ? null : { code: `job_${state}`, message: 'It ended.', class: null, providerStatus: null };
  return { state, result: completed ? '{"answer":42}' : null, error, record: attemptRecord(attempt, { state, error }) };
}

/** What a run passes on when its attempt failed and the next candidate is to try. */
export function hop(attempt: number, index = 1): Parameters<AttemptStore['advance']>[1] {
  return {
    index,
    used: attempt,
    tries: 0,
    failures: ['transient', null],
    record: attemptRecord(attempt, { errorClass: 'transient' }),
    delayMs: 0,
  };
}

/** A delta's JSON text. */
export function delta(attempt: number, content: string): string {
  return JSON.stringify({ attempt, choices: [{ index: 0, delta: { content } }] });
}

export type NewGraphOptions = Omit<NewJobOptions, 'policy'> & {
  output?: OutputSpec;
  stream?: boolean;
  policy?: Partial<Policy>;
};

/** A job that is this orchestration; posted by somebody who comes back for it. */
export function newGraph(
  spec: Partial<OrchestrationSpec> & Pick<OrchestrationSpec, 'mode'>,
  options: NewGraphOptions = {},
): NewJob {
  const { output = null, stream = false, policy, ...rest } = options;
  const orchestration = { ...defaultOrchestration(spec.mode), ...spec };
  const nodes = stepsOf(orchestration);
  const plan = {
    ...{ nodes, orchestration, output, policy: { ...DEFAULT_POLICY, ...policy } },
    ...{ stream, attended: false, share: 1 },
    paidCalls: spec.mode === 'vote' ? 1 : plannedCalls(orchestration).primary,
  };
  return newJob({ type: 'orchestration', priority: 'low', graph: { plan, first: null, taken: [] }, ...rest });
}

/** A chat whose answer is checked. */
export function newChecked(output: OutputSpec, options: NewGraphOptions = {}): NewJob {
  const job = newGraph({ mode: 'planning' }, { ...options, output });
  return job.graph === null
    ? job
    : { ...job, type: 'chat', graph: { ...job.graph, plan: { ...job.graph.plan, orchestration: null } } };
}
