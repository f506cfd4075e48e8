import { describe, expect, it } from '@jest/globals';
import type { AttemptRecord } from '#contracts/attempt.js';
import type { JobRecord } from '#jobs/job-record.js';
import { adversarialView, envelopeView, type Finished } from './envelope-view.js';

const attempt = (model: string, state: AttemptRecord['state']): AttemptRecord =>
  ({ model, state }) as Partial<AttemptRecord> as AttemptRecord;
const record = {
  estimatedCostNano: 2_000_000,
  decision: { mode: 'cheap', reason: 'the cheapest', inputTokens: 1, outputTokens: 2, candidates: [], excluded: [] },
  attempts: [
    attempt('broken', 'failed'),
    attempt('a', 'completed'),
    attempt('b', 'completed'),
    attempt('a', 'completed'),
  ],
} as Partial<JobRecord> as JobRecord;

function finished(type: 'chat' | 'orchestration', result: object, includeDecision = false): Finished {
  const notice = {
    state: 'completed' as const,
    model: 'a',
    provider: 'p',
    costNano: 1_500_000,
    attempts: 4,
    dropped: '',
    body: null,
  };
  return { completed: { id: 'job_1', type, notice, result: JSON.stringify(result) }, record, includeDecision };
}

const completion = { id: 'chatcmpl-1', choices: [] };
const artifacts = { mode: 'adversarial', initial_plan: 'p', critique: 'c', refined_plan: 'r', rounds: [] };
const decision = {
  mode: 'cheap',
  reason: 'the cheapest',
  input_tokens: 1,
  output_tokens: 2,
  candidates: [],
  excluded: [],
};

describe('the envelope', () => {
  const said = { negotiated_model: 'a', estimated_cost_usd: 0.002, routing_reason: 'the cheapest' };

  it('of a chat has the provider’s completion', () => {
    expect(envelopeView(finished('chat', completion))).toStrictEqual({ ...said, response: completion });
  });

  it('of an orchestration has its artifacts, and not the completion beside them', () => {
    const result = { ...artifacts, response: completion };
    expect(envelopeView(finished('orchestration', result))).toStrictEqual({ ...said, response: artifacts });
  });

  it('has the decision when the client wants it', () => {
    expect(envelopeView(finished('chat', completion, true))).toStrictEqual({ ...said, response: completion, decision });
  });
});

it('the answer of adversarial has the artifacts, the job, every model that served, and the cost', () => {
  const given = finished('orchestration', { ...artifacts, response: completion });
  const view = { ...artifacts, job_id: 'job_1', models: ['a', 'b'], cost_usd: 0.0015 };
  expect(adversarialView(given)).toStrictEqual(view);
  expect(adversarialView({ ...given, includeDecision: true })).toStrictEqual({ ...view, decision });
});
