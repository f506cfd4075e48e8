import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import type { KeyLevel } from '#contracts/key-limits.js';
import type { JsonObject } from '#contracts/json.js';
import type { Policy } from '#contracts/policy.js';
import type { Principal } from '#contracts/scopes.js';
import { answerCallId, type NewJob } from '#jobs/job-record.js';
import type { JobStore } from '#jobs/job-store.js';
import { beyondKeyLimit, keyCharges } from '#limits/key-limits.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';
import { noEligibleModel } from '#routing/no-eligible-model.js';
import type { RoutePlanner } from '../routing/route-planner.js';
import type { HookTargets, OwnWebhook } from './hook-targets.js';
import { newJobId } from './job-id.js';
import { beyondLimit, limitExceeded } from './key-limit-error.js';

/** How the client gets the outcome: it comes back for it, waits for the answer, or reads the answer as a stream. */
export type Delivery = 'later' | 'answer' | 'stream';

export interface SubmitRequest {
  kind: CallKind;
  /** OpenAI-shaped, validated, without Tokenhub's own fields. */
  body: JsonObject;
  policy: Policy;
  principal: Principal;
  delivery: Delivery;
  metadata: Record<string, string>;
  /** Unix milliseconds. */
  deadline: number;
  notBefore: number | null;
  idempotency: NewJob['idempotency'];
  /** The job's own webhook. */
  webhook?: OwnWebhook | null;
}

/**
 * Until finished jobs are kept in Postgres: what a client can come back to stays a day, and so does what a webhook tells of,
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

export interface JobSubmissionDeps {
  store: JobStore;
  queues: AttemptQueues;
  planner: RoutePlanner;
  hooks: HookTargets;
  /** This process: owner, waiter and reader of synchronous jobs. */
  processId: string;
}

/** The way of every request into the queue: planned, recorded, enqueued. */
export class JobSubmission {
  constructor(private readonly deps: JobSubmissionDeps) {}

  /** Routes the request and makes the record, writing nothing. Throws when no model can take it, or its key never may. */
  async plan(request: SubmitRequest): Promise<NewJob> {
    const { kind, body, policy, principal, delivery } = request;
    const hooks = this.deps.hooks.of(principal.project, request.webhook ?? null);
    const createdAt = Date.now();
    const id = newJobId(createdAt);
    const decision = await this.deps.planner.plan({ kind, body, policy, principal, jobId: id });
    if (decision.candidates.length === 0) throw noEligibleModel(decision);
    const charges = keyCharges(principal.limits, decision);
    const beyond = beyondKeyLimit(charges);
    if (beyond) throw beyondLimit(principal.key, beyond);
    const keep = delivery === 'later' || request.idempotency !== null;
    return {
      id,
      type: kind,
      project: principal.project,
      key: principal.key,
      priority: policy.priority,
      share: principal.share,
      charges,
      createdAt,
      deadline: request.deadline,
      notBefore: request.notBefore,
      metadata: request.metadata,
      // A request that names its model leaves every other one out for that one reason: not worth keeping.
      decision: { ...decision, excluded: decision.excluded.filter(({ reason }) => reason !== 'not_requested') },
      estimatedCostNano: decision.candidates[0]?.estimatedCostNano ?? 0,
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
      retainMs: keep || hooks.length > 0 ? KEPT_MS : UNKEPT_MS,
      keep,
      owner: keep ? null : this.deps.processId,
      waiter: delivery === 'answer' ? this.deps.processId : null,
      reader: delivery === 'stream' ? this.deps.processId : null,
      syncStream: delivery === 'stream',
      idempotency: request.idempotency,
      hooks,
    };
  }

  /**
   * Makes a planned job durable and enqueues it; resolves once Redis has both. With an idempotency key that was used
   * before, resolves with the job of then and writes nothing; throws `idempotency_conflict` when the body was another, and
   * `rate_limit_exceeded` when a limit of the key has no room.
   */
  async create(job: NewJob): Promise<Created> {
    const payload = { jobId: job.id, callId: answerCallId(job.id), attempt: 1 };
    const pool = job.plan.candidates[0]?.pool;
    if (pool === undefined) throw new RangeError('a job without candidates cannot be created');
    const delayMs = job.notBefore === null ? 0 : job.notBefore - Date.now();
    const outcome = await this.deps.store.create(job);
    switch (outcome.kind) {
      case 'created':
        await this.deps.queues.enqueue(payload, { pool, turn: outcome.turn, delayMs });
        return { jobId: job.id, replayed: false, levels: outcome.levels };
      case 'replayed':
        return { jobId: outcome.jobId, replayed: true, levels: outcome.levels };
      case 'limited':
        throw limitExceeded(job.key, outcome.refusal, outcome.levels);
      case 'conflict':
        throw conflict();
    }
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

function conflict(): TokenhubError {
  return new TokenhubError('idempotency_conflict', 'This Idempotency-Key was used with another body.', {
    shouldRetry: false,
  });
}
