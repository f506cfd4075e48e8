import { describe, expect, it } from '@jest/globals';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import type { JobRecord } from '#jobs/job-record.js';
import { jobView } from '#jobs/job-view.js';
import { eventBody, eventId } from './event-body.js';

const AT = Date.parse('2030-01-02T03:04:05.678Z');
const ended = { jobId: 'job_1', state: 'completed', at: AT } as const;

function record(changes: Partial<JobRecord> = {}): JobRecord {
  return {
    id: 'job_1',
    type: 'chat',
    state: 'completed',
    project: 'p',
    key: 'k',
    priority: 'normal',
    createdAt: AT - 10,
    startedAt: AT - 5,
    finishedAt: AT,
    deadline: AT + 1_000,
    notBefore: null,
    cancelRequestedAt: null,
    metadata: { run: '7' },
    decision: { mode: 'normal', reason: 'r', inputTokens: 1, outputTokens: 2, candidates: [], excluded: [] },
    estimatedCostNano: 1,
    model: 'm',
    provider: 'p',
    result: '{"choices":[]}',
    error: null,
    usage: { inputTokens: 1, outputTokens: 2, cachedInputTokens: 0, cacheWriteInputTokens: 0, reasoningTokens: 0 },
    costNano: 1_000,
    attempts: [],
    waiting: null,
    steps: [],
    retryOf: null,
    policy: DEFAULT_POLICY,
    ...changes,
  };
}

const parse = (body: string): Record<string, unknown> & { data: Record<string, unknown> } =>
  JSON.parse(body) as Record<string, unknown> & { data: Record<string, unknown> };

it('a body has the envelope of the contract around the job as the API shows it', () => {
  expect(parse(eventBody(ended, record()))).toEqual({
    id: eventId('job_1', 'job.completed'),
    object: 'event',
    type: 'job.completed',
    created_at: Math.floor(AT / 1_000),
    timestamp: '2030-01-02T03:04:05.678Z',
    data: JSON.parse(JSON.stringify(jobView(record()))) as unknown,
  });
});

describe('a body', () => {
  it('just under 20 KB is full, and just over it thin', () => {
    const spare = 20_000 - Buffer.byteLength(eventBody(ended, record({ result: '""' })));
    const full = eventBody(ended, record({ result: JSON.stringify('x'.repeat(spare)) }));
    expect([Buffer.byteLength(full), parse(full).data.result]).toEqual([20_000, 'x'.repeat(spare)]);
    const thin = eventBody(ended, record({ result: JSON.stringify('x'.repeat(spare + 1)) }));
    expect(Buffer.byteLength(thin)).toBeLessThan(2_000);
    expect(parse(thin).data).toMatchObject({ id: 'job_1', state: 'completed', urls: jobView(record()).urls });
  });

  it('is measured in bytes, not in characters', () => {
    expect(parse(eventBody(ended, record({ result: JSON.stringify('ä'.repeat(10_000)) }))).data).not.toHaveProperty(
      'result',
    );
  });

  it('whose result is too long is thin without a look into it, however long', () => {
    const unreadable = '['.repeat(5_000_000);
    const body = eventBody(ended, record({ result: unreadable }));
    expect(parse(body).data).toEqual(
      parse(eventBody(ended, record({ result: JSON.stringify('x'.repeat(30_000)) }))).data,
    );
    expect(() => eventBody(ended, record({ result: '[' }))).toThrow(SyntaxError);
  });

  it('of which only what is short was read is thin', () => {
    const { data } = parse(eventBody(ended, record({ brief: true, result: null })));
    expect(data).toEqual(parse(eventBody(ended, record({ result: '['.repeat(30_000) }))).data);
  });

  it('is small whatever metadata and messages are as long as', () => {
    const metadata = Object.fromEntries(Array.from({ length: 16 }, (_, i) => [String(i), '🦙'.repeat(512)]));
    const long = 'm'.repeat(100_000);
    const error = { code: long, message: long, class: 'transient' as const, providerStatus: 500 };
    const body = eventBody({ ...ended, state: 'failed' }, record({ state: 'failed', result: null, metadata, error }));
    expect(Buffer.byteLength(body)).toBeLessThan(20_000);
    expect(parse(body).data).toMatchObject({ error: { class: 'transient', provider_status: 500 } });
  });

  it('of a job that was erased tells its id and its end', () => {
    expect(parse(eventBody({ ...ended, state: 'failed' }, null))).toMatchObject({
      type: 'job.failed',
      data: { id: 'job_1', object: 'job', state: 'failed' },
    });
  });
});

it('an event’s id is the same each time, another for each event, and has no dot', () => {
  expect(eventId('job_1', 'job.completed')).toBe(eventId('job_1', 'job.completed'));
  const ids = [eventId('job_1', 'job.completed'), eventId('job_2', 'job.completed'), eventId('job_1', 'job.failed')];
  expect(new Set(ids).size).toBe(3);
  for (const id of ids) expect(id).toMatch(/^evt_[0-9a-f]{32}$/);
});
