import type { AttemptRecord } from '#contracts/attempt.js';
import type { Candidate, Decision, TemporaryReason } from '#contracts/decision.js';
import type { Usage } from '#contracts/usage.js';
import type { QueuePlace } from '#contracts/live-views.js';
import { nanoToUsd } from '#contracts/money.js';
import type { JobRecord, StepRecord } from './job-record.js';

/** A job as API.md shows it; `place` is where it stands while it is queued, `waitingReason` what it waits for besides its turn. */
export function jobView(
  job: JobRecord,
  place: QueuePlace | null = null,
  waitingReason: TemporaryReason | null = null,
): Record<string, unknown> {
  return {
    id: job.id,
    object: 'job',
    type: job.type,
    state: job.state,
    created_at: iso(job.createdAt),
    started_at: iso(job.startedAt),
    finished_at: iso(job.finishedAt),
    deadline: iso(job.deadline),
    not_before: iso(job.notBefore),
    ...(job.cancelRequestedAt !== null && { cancel_requested_at: iso(job.cancelRequestedAt) }),
    queue_position: place?.position ?? null,
    estimated_start_at: iso(place?.estimatedStartAt ?? null),
    ...(waitingReason !== null &&
      job.waiting && {
        waiting_for: { reason: waitingReason, model: job.waiting.model, provider: job.waiting.provider },
      }),
    priority: job.priority,
    model: job.model,
    provider: job.provider,
    result: job.result === null ? null : (JSON.parse(job.result) as unknown),
    error: job.error === null ? null : errorView(job.error),
    usage: usageView(job.usage),
    cost_usd: nanoToUsd(job.costNano),
    estimated_cost_usd: nanoToUsd(job.estimatedCostNano),
    decision: decisionView(job.decision),
    attempts: job.attempts.map(attemptView),
    steps: job.steps.map(stepView),
    retry_of: job.retryOf,
    urls: urlsOf(job.id),
    metadata: job.metadata,
  };
}

/** Where a job's resources are, as paths: the client knows by which host it came. */
export function urlsOf(jobId: string): Record<'self' | 'events' | 'cancel' | 'result', string> {
  const self = `/v1/jobs/${jobId}`;
  return { self, events: `${self}/events`, cancel: `${self}/cancel`, result: `${self}/result` };
}

/** A routing decision as jobs and `POST /v1/route/explain` show it. */
export function decisionView(decision: Decision): Record<string, unknown> {
  return {
    mode: decision.mode,
    reason: decision.reason,
    input_tokens: decision.inputTokens,
    output_tokens: decision.outputTokens,
    candidates: decision.candidates.map(candidateView),
    // What its key may not use is nobody's who reads with it.
    excluded: decision.excluded.filter(({ reason }) => reason !== 'not_allowed'),
  };
}

function candidateView(candidate: Candidate): Record<string, unknown> {
  return {
    model: candidate.model,
    provider: candidate.provider,
    pool: candidate.pool,
    score: round(candidate.score),
    terms: Object.fromEntries(Object.entries(candidate.terms).map(([name, value]) => [name, round(Number(value))])),
    estimated_cost_usd: nanoToUsd(candidate.estimatedCostNano),
    ...(candidate.temporary !== undefined && { temporary: candidate.temporary }),
  };
}

/** One attempt as jobs and `attempt.failed` events show it. */
export function attemptView(attempt: AttemptRecord): Record<string, unknown> {
  return {
    n: attempt.n,
    ...(attempt.step !== undefined && { step: attempt.step }),
    model: attempt.model,
    provider: attempt.provider,
    state: attempt.state,
    error: attempt.error === null ? null : errorView(attempt.error),
    waited_ms: attempt.waitedMs,
    ttft_ms: attempt.ttftMs,
    ...(attempt.dropped && { dropped_parameters: attempt.dropped }),
    duration_ms: attempt.durationMs,
    usage: attempt.usage === null ? null : usageView(attempt.usage),
    ...(attempt.usageEstimated && { usage_estimated: true }),
    cost_usd: nanoToUsd(attempt.costNano),
  };
}

function stepView(step: StepRecord): Record<string, unknown> {
  const { output } = step;
  return {
    ...{ id: step.id, name: step.name, round: step.round, state: step.state },
    started_at: iso(step.startedAt),
    finished_at: iso(step.finishedAt),
    model: output?.model ?? null,
    provider: output?.provider ?? null,
    usage: usageView(step.usage),
    cost_usd: nanoToUsd(step.costNano),
    output: output?.text ?? null,
    ...(output?.approved !== undefined && { approved: output.approved }),
    ...(output?.verdict && { verdict: output.verdict }),
    ...(step.taken && { taken_over: true }),
    error: step.error === null ? null : errorView(step.error),
  };
}

function errorView(error: NonNullable<JobRecord['error']>): Record<string, unknown> {
  return {
    ...{ code: error.code, message: error.message, class: error.class, provider_status: error.providerStatus },
    ...(error.details && { details: error.details }),
  };
}

function usageView(usage: Usage): Record<string, number> {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cached_input_tokens: usage.cachedInputTokens,
    cache_write_input_tokens: usage.cacheWriteInputTokens,
    reasoning_tokens: usage.reasoningTokens,
  };
}

function iso(ms: number | null): string | null {
  return ms === null ? null : new Date(ms).toISOString();
}

function round(value: number): number {
  return Math.round(value * 1e4) / 1e4;
}
