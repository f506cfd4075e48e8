import type { Decision, Route } from '#contracts/decision.js';
import type { Model } from '#contracts/registry-snapshot.js';
import { graphId } from '#contracts/queue-payloads.js';
import type { KeyLevel } from '#contracts/key-limits.js';
import type { Principal } from '#contracts/scopes.js';
import { answerCallId, type JobRecord, type NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { beyondKeyLimit, keyCharges } from '#limits/key-limits.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import type { GraphQueue } from '#queues/graph-queue.js';
import { FIRST_BUILD, stepCallId, type NewGraph } from '#jobs/graph-record.js';
import { noEligibleModel } from '#routing/no-eligible-model.js';
import { reservedFor } from '#planner/reserve-graph.js';
import type { RoutePlanner } from '#planner/route-planner.js';
import type { StepPlanner } from '#planner/step-planner.js';
import type { HookTargets } from './hook-targets.js';
import { overBudget } from './budget-error.js';
import { newJobId } from './job-id.js';
import { planGraph, type PlannedGraph } from './plan-graph.js';
import { conflict, historyBehind, notRetryable } from './refusals.js';
import { beyondLimit, limitExceeded } from './key-limit-error.js';
import type { SubmitRequest } from './submit-request.js';

/**
 * Without a history, what a client can come back to stays a day, and so does what a webhook tells of,
 * whose last try comes within a day; the rest a minute.
 */
const KEPT_MS = 24 * 3_600_000;
const UNKEPT_MS = 60_000;

const NO_TOKENS = { inputTokens: 0, outputTokens: 0 };

/** The job that a request stands for, and how the limits of its key stand. */
export interface Created {
  jobId: string;
  replayed: boolean;
  levels: readonly KeyLevel[];
}

export interface HistorySettings {
  /** How long a recorded job stays in Redis. */
  hotMs: number;
  /** How much may wait to be recorded before jobs are refused. */
  bytes: number;
}

export interface JobSubmissionDeps {
  store: JobStore;
  /** Also has jobs that Redis has no more. */
  jobs: Pick<JobStore, 'readWork'>;
  queues: AttemptQueues;
  graphQueue: GraphQueue;
  planner: RoutePlanner;
  stepPlanner: StepPlanner;
  /** Those that are registered at this moment. */
  models: () => readonly Model[];
  hooks: HookTargets;
  /** Null where no history is kept. */
  history: HistorySettings | null;
  /** This process: owner, waiter and reader of synchronous jobs. */
  processId: string;
}

/** The way of every request into the queue: planned, recorded, enqueued. */
export class JobSubmission {
  constructor(private readonly deps: JobSubmissionDeps) {}

  /** Routes the request and makes the record, writing nothing. Throws when no model can take it, or its key never may. */
  async plan(request: SubmitRequest): Promise<NewJob> {
    const { kind, body, policy, principal, delivery } = request;
    const { history } = this.deps;
    const hooks = this.deps.hooks.of(principal.project, request.webhook ?? null);
    const createdAt = Date.now();
    const id = newJobId(createdAt);
    const work = await this.planWork(request, id);
    const decision = kept(work.decision);
    const charges = keyCharges(principal.limits, work);
    const beyond = beyondKeyLimit(charges);
    if (beyond) throw beyondLimit(principal.key, beyond);
    const keep = delivery === 'later' || request.idempotency !== null;
    return {
      id,
      type: request.orchestration ? 'orchestration' : kind,
      project: principal.project,
      key: principal.key,
      priority: policy.priority,
      share: principal.share,
      charges,
      budget: principal.budgets.length === 0 ? null : { rules: principal.budgets, reserveNano: work.reserveNano },
      createdAt,
      deadline: request.deadline,
      notBefore: request.notBefore,
      metadata: request.metadata,
      policy,
      decision,
      estimatedCostNano: work.estimatedCostNano,
      graph: work.graph,
      retryOf: null,
      plan: {
        kind,
        candidates: decision.candidates.map(({ model, provider, pool }) => ({ model, provider, pool })),
        stream: delivery === 'stream' || body.stream === true,
        maxAttempts: policy.maxAttempts,
        strict: policy.strict,
        onContentFilter: policy.onContentFilter,
        attended: delivery !== 'later',
        inputTokens: decision.inputTokens,
        outputTokens: decision.outputTokens,
      },
      request: body,
      retainMs: this.retainMs({ keep, hooked: hooks.length > 0, stream: delivery === 'stream' }),
      keep,
      owner: keep ? null : this.deps.processId,
      waiter: delivery === 'answer' ? this.deps.processId : null,
      reader: delivery === 'stream' ? this.deps.processId : null,
      syncStream: delivery === 'stream',
      idempotency: request.idempotency,
      hooks,
      historyBytes: history?.bytes ?? null,
    };
  }

  /** How long Redis has it after its end, or, of what the history keeps, after it was recorded. */
  private retainMs({ keep, hooked, stream }: { keep: boolean; hooked: boolean; stream: boolean }): number {
    const { history } = this.deps;
    // The history has no events: a stream that is asked for again with its key is replayed from Redis.
    if (keep && history && !stream) return history.hotMs;
    return keep || hooked ? KEPT_MS : UNKEPT_MS;
  }

  /** A chat whose answer is checked is a graph of one step. */
  private async planWork(
    request: SubmitRequest,
    jobId: string,
  ): Promise<Omit<PlannedGraph, 'graph'> & { graph: NewGraph | null }> {
    const { planner, models } = this.deps;
    if (request.orchestration || request.output)
      return planGraph({ routes: planner, steps: this.deps.stepPlanner, models }, { ...request, jobId });
    const { kind, body, policy, principal } = request;
    const decision = await planner.plan({ kind, body, policy, principal, jobId });
    if (decision.candidates.length === 0) throw noEligibleModel(decision);
    const estimatedCostNano = decision.candidates[0]?.estimatedCostNano ?? 0;
    const { inputTokens, outputTokens } = decision;
    return {
      graph: null,
      decision,
      estimatedCostNano,
      inputTokens,
      outputTokens,
      reserveNano: decision.dearestCostNano,
    };
  }

  /**
   * Makes a planned job durable and enqueues it; resolves once Redis has both. With an idempotency key that was used
   * before, resolves with the job of then and writes nothing; throws `idempotency_conflict` when the body was another, and
   * `rate_limit_exceeded` or `insufficient_quota` when a limit or a budget has no room.
   */
  async create(job: NewJob): Promise<Created> {
    const outcome = await this.deps.store.create(job);
    switch (outcome.kind) {
      case 'created':
        await this.enqueue(job, outcome.turn);
        return { jobId: job.id, replayed: false, levels: outcome.levels };
      case 'replayed':
        return { jobId: outcome.jobId, replayed: true, levels: outcome.levels };
      case 'over_budget':
        throw overBudget(job, outcome.budgets);
      case 'limited':
        throw limitExceeded(job.key, outcome.refusal, outcome.levels);
      case 'conflict':
        throw conflict();
      case 'full':
        throw historyBehind();
    }
  }

  private async enqueue(job: NewJob, turn: number): Promise<void> {
    const delayMs = job.notBefore === null ? 0 : job.notBefore - Date.now();
    if (job.graph !== null) {
      await this.enqueueGraph(job.id, job.graph, { priority: job.priority, turn, delayMs });
      return;
    }
    const pool = job.plan.candidates[0]?.pool;
    if (pool === undefined) throw new RangeError('a job without candidates cannot be created');
    await this.deps.queues.enqueue(
      { jobId: job.id, callId: answerCallId(job.id), attempt: 1 },
      { pool, turn, delayMs },
    );
  }

  private async enqueueGraph(
    jobId: string,
    { first }: NewGraph,
    { priority, turn, delayMs }: { priority: NewJob['priority']; turn: number; delayMs: number },
  ): Promise<void> {
    const pool = first?.plan.candidates[0]?.pool;
    const payload = first && {
      ...{ jobId, callId: stepCallId(jobId, first.step.id, 1), attempt: 1 },
      parent: graphId(jobId, FIRST_BUILD),
    };
    const begins = payload && pool !== undefined && { first: { payload, pool, turn } };
    await this.deps.graphQueue.enqueue(jobId, { build: FIRST_BUILD, priority, delayMs, ...begins });
  }

  /**
   * As `plan`, for a failed or expired job that is made anew: finished steps are taken over, and not paid for again; the deadline starts
   * anew. Throws `job_not_retryable` for any other.
   */
  async planRetry(record: JobRecord, principal: Principal): Promise<NewJob> {
    if (record.state !== 'failed' && record.state !== 'expired') throw notRetryable(record.state);
    const { request, graph, hooks } = await this.deps.jobs.readWork(record.id);
    const since = Math.max(record.createdAt, record.notBefore ?? 0);
    const job = await this.plan({
      kind: record.type === 'orchestration' ? 'chat' : record.type,
      body: request,
      policy: record.policy,
      orchestration: graph?.orchestration ?? null,
      output: graph?.output ?? null,
      principal,
      delivery: 'later',
      metadata: record.metadata,
      deadline: Date.now() + record.deadline - since,
      notBefore: null,
      idempotency: null,
    });
    const taken = record.steps.filter(({ state }) => state === 'completed');
    const first = taken.length === 0 ? (job.graph?.first ?? null) : null;
    const graphLeft = job.graph && { ...job.graph, first, taken };
    const budget =
      job.budget && graphLeft
        ? { ...job.budget, reserveNano: reservedFor(graphLeft.plan.reserved, taken) }
        : job.budget;
    return { ...job, hooks, retryOf: record.id, graph: graphLeft, budget };
  }

  /** The job that an idempotency key already stands for, without planning or charging anything; null for a new one. */
  async findReplay(idempotency: NewJob['idempotency'], principal: Principal): Promise<Created | null> {
    if (idempotency === null) return null;
    const found = await this.deps.store.findByIdempotencyKey(idempotency.key);
    if (found === null) return null;
    if (found.fingerprint !== idempotency.fingerprint) throw conflict();
    const levels = await this.deps.store.keyLevels(principal, keyCharges(principal.limits, NO_TOKENS));
    return { jobId: found.jobId, replayed: true, levels };
  }
}

/** A request that names its model leaves every other one out for that one reason: not worth keeping. */
function kept({ dearestCostNano: _dearest, ...decision }: Route): Decision {
  return { ...decision, excluded: decision.excluded.filter(({ reason }) => reason !== 'not_requested') };
}
