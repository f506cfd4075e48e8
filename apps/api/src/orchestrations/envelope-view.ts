import { nanoToUsd } from '#contracts/money.js';
import type { JobRecord } from '#jobs/job-record.js';
import { decisionView } from '#jobs/job-view.js';
import { artifactsOf } from '../jobs/response-body.js';
import type { CompletedJob } from '../jobs/synchronous-job.js';

/** A finished job, and whether its client wants to see how it was routed. */
export interface Finished {
  completed: CompletedJob;
  record: JobRecord;
  includeDecision: boolean;
}

/**
 * What the original product's calls answer. `response` is the provider's completion; of an orchestration it is the artifacts and
 * nothing else, because the final text is one of them.
 */
export function envelopeView({ completed, record, includeDecision }: Finished): object {
  const { type, notice, result } = completed;
  return {
    negotiated_model: notice.model,
    estimated_cost_usd: nanoToUsd(record.estimatedCostNano),
    routing_reason: record.decision.reason,
    response: type === 'orchestration' ? artifactsOf(result) : (JSON.parse(result) as unknown),
    ...(includeDecision && { decision: decisionView(record.decision) }),
  };
}

/** What `POST /v1/adversarial` answers: the artifacts, beside which job made them, with which models and for how much. */
export function adversarialView({ completed, record, includeDecision }: Finished): object {
  const served = record.attempts.filter(({ state }) => state === 'completed').map(({ model }) => model);
  return {
    ...artifactsOf(completed.result),
    job_id: completed.id,
    models: [...new Set(served)],
    cost_usd: nanoToUsd(completed.notice.costNano),
    ...(includeDecision && { decision: decisionView(record.decision) }),
  };
}
