import { describe, expect, it } from '@jest/globals';
import type { AttemptRecord } from '#contracts/attempt.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import type { JobRecord } from './job-record.js';
import { attemptView, decisionView, jobView, urlsOf } from './job-view.js';

const T = Date.parse('2030-01-01T00:00:00.000Z');
const usage = { inputTokens: 5, outputTokens: 7, cachedInputTokens: 2, cacheWriteInputTokens: 3, reasoningTokens: 1 };
const attempt: AttemptRecord = {
  n: 1,
  model: 'm',
  provider: 'p',
  state: 'completed',
  error: null,
  waitedMs: 3,
  ttftMs: null,
  durationMs: 9,
  usage,
  usageEstimated: false,
  costNano: 1_500_000,
};
const job: JobRecord = {
  id: 'job_1',
  type: 'chat',
  state: 'completed',
  project: 'secret-project',
  key: 'secret-key',
  priority: 'low',
  createdAt: T,
  startedAt: T + 1,
  finishedAt: T + 2,
  deadline: T + 3,
  notBefore: null,
  cancelRequestedAt: null,
  metadata: { a: 'b' },
  decision: {
    mode: 'cheap',
    reason: 'the cheapest',
    inputTokens: 5,
    outputTokens: 100,
    candidates: [
      {
        model: 'm',
        provider: 'p',
        pool: 'p',
        score: 0.123456,
        terms: { cost: 1 / 3, latency: 0, failure: 0, weight: 2 },
        estimatedCostNano: 2_000_000,
        temporary: 'credential_missing',
      },
    ],
    excluded: [{ model: 'x', reason: 'context', detail: 'too small' }],
  },
  estimatedCostNano: 2_000_000,
  model: 'm',
  provider: 'p',
  result: '{"id":"chatcmpl-1","choices":[]}',
  error: null,
  usage,
  costNano: 1_500_000,
  attempts: [attempt],
  waiting: null,
  steps: [],
  retryOf: null,
  policy: DEFAULT_POLICY,
};
const wireUsage = {
  input_tokens: 5,
  output_tokens: 7,
  cached_input_tokens: 2,
  cache_write_input_tokens: 3,
  reasoning_tokens: 1,
};

it('a finished job has every field of the contract, and none of the record’s own', () => {
  expect(jobView(job)).toStrictEqual({
    id: 'job_1',
    object: 'job',
    type: 'chat',
    state: 'completed',
    created_at: '2030-01-01T00:00:00.000Z',
    started_at: '2030-01-01T00:00:00.001Z',
    finished_at: '2030-01-01T00:00:00.002Z',
    deadline: '2030-01-01T00:00:00.003Z',
    not_before: null,
    queue_position: null,
    estimated_start_at: null,
    priority: 'low',
    model: 'm',
    provider: 'p',
    result: { id: 'chatcmpl-1', choices: [] },
    error: null,
    usage: wireUsage,
    cost_usd: 0.0015,
    estimated_cost_usd: 0.002,
    decision: decisionView(job.decision),
    attempts: [attemptView(attempt)],
    steps: [],
    urls: {
      self: '/v1/jobs/job_1',
      events: '/v1/jobs/job_1/events',
      cancel: '/v1/jobs/job_1/cancel',
      result: '/v1/jobs/job_1/result',
    },
    metadata: { a: 'b' },
    retry_of: null,
  });
  expect(JSON.stringify(jobView(job))).not.toContain('secret');
});

describe('a job', () => {
  it('that waits for what is closed says for what, and why', () => {
    const place = { model: 'small', provider: 'acme', pool: 'acme' };
    const waiting = { jobId: job.id, callId: `${job.id}-answer`, attempt: 1, ...place };
    expect(jobView({ ...job, waiting }, null, 'disabled')).toMatchObject({
      waiting_for: { reason: 'disabled', model: 'small', provider: 'acme' },
    });
    expect(jobView({ ...job, waiting })).not.toHaveProperty('waiting_for');
  });

  it('that waits has no times and no result yet', () => {
    const queued: JobRecord = {
      ...job,
      state: 'queued',
      startedAt: null,
      finishedAt: null,
      result: null,
      model: null,
      attempts: [],
    };
    expect(jobView(queued)).toMatchObject({
      started_at: null,
      finished_at: null,
      result: null,
      model: null,
      attempts: [],
    });
  });

  it('says when its cancellation was asked for, and only then', () => {
    expect(jobView({ ...job, cancelRequestedAt: T })).toMatchObject({
      cancel_requested_at: '2030-01-01T00:00:00.000Z',
    });
    expect(jobView(job)).not.toHaveProperty('cancel_requested_at');
  });

  it('that failed shows the error, and not the field that only the answer names', () => {
    const error = { code: 'c', message: 'm', class: 'transient' as const, providerStatus: 500, param: 'x' };
    expect(jobView({ ...job, result: null, error })).toMatchObject({
      result: null,
      error: { code: 'c', message: 'm', class: 'transient', provider_status: 500 },
    });
  });
});

it('a decision shows scores to four places and who is put last', () => {
  expect(decisionView(job.decision)).toStrictEqual({
    mode: 'cheap',
    reason: 'the cheapest',
    input_tokens: 5,
    output_tokens: 100,
    candidates: [
      {
        model: 'm',
        provider: 'p',
        pool: 'p',
        score: 0.1235,
        terms: { cost: 0.3333, latency: 0, failure: 0, weight: 2 },
        estimated_cost_usd: 0.002,
        temporary: 'credential_missing',
      },
    ],
    excluded: [{ model: 'x', reason: 'context', detail: 'too small' }],
  });
});

describe('an attempt', () => {
  it('is shown in the names of the wire', () => {
    expect(attemptView(attempt)).toStrictEqual({
      n: 1,
      model: 'm',
      provider: 'p',
      state: 'completed',
      error: null,
      waited_ms: 3,
      ttft_ms: null,
      duration_ms: 9,
      usage: wireUsage,
      cost_usd: 0.0015,
    });
  });

  it('says that its usage was counted by us', () => {
    expect(attemptView({ ...attempt, usageEstimated: true })).toMatchObject({ usage_estimated: true });
  });

  it('without usage has none', () =>
    expect(attemptView({ ...attempt, usage: null, ttftMs: 4 })).toMatchObject({ usage: null, ttft_ms: 4 }));
});

it('urls are paths', () =>
  expect(Object.values(urlsOf('job_9')).every((url) => url.startsWith('/v1/jobs/job_9'))).toBe(true));
