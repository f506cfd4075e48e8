import { describe, expect, it } from '@jest/globals';
import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Job, ServerEvent } from '../e2e/doors.ts';
import type { Receipt } from './careful-client.ts';
import type { Evidence } from './evidence.ts';
import { judge as judgeWithin, type Verdict } from './judge.ts';
import type { Door } from './load.ts';
import { emptyTimeline } from './timeline.ts';

const JOB_ID = 'job_1';
const MARKER = 'run-1';
const TEXT = 'alpha bravo';

/** One streamed job, served once, and everything as it should be. */
function sound(door: Door = 'streamed job'): MutableEvidence {
  const receipt: Receipt = {
    submission: { atMs: 0, marker: MARKER, door, body: {}, text: TEXT, graph: null, cancelAfterMs: null },
    jobId: JOB_ID,
    tries: 1,
    answer: null,
    odd: [],
  };
  const job = finishedJob();
  const events = soundEvents();
  return {
    receipts: [receipt],
    firstRead: new Map([[JOB_ID, structuredClone(job)]]),
    lastRead: new Map([[JOB_ID, job]]),
    events: new Map([[JOB_ID, events]]),
    followed: new Map([[JOB_ID, structuredClone(events)]]),
    listed: [job],
    upstream: [request()],
    deliveries: [{ jobId: JOB_ID, type: 'job.completed', webhookId: 'evt_1', signed: true }],
    budgets: [],
    reads: [{ from: 1_000, to: 1_010, status: 200, retryAfter: null }],
    timeline: emptyTimeline(),
  };
}

interface MutableEvidence extends Evidence {
  firstRead: Map<string, Job>;
  lastRead: Map<string, Job>;
  events: Map<string, ServerEvent[]>;
  followed: Map<string, ServerEvent[]>;
}

function finishedJob(more: object = {}): Job {
  const usage = { input_tokens: 10, output_tokens: 2 };
  return {
    id: JOB_ID,
    state: 'completed',
    finished_at: '2026-11-01T00:00:00.000Z',
    result: { choices: [{ message: { content: TEXT }, finish_reason: 'stop' }] },
    error: null,
    usage,
    cost_usd: 3.6e-6,
    attempts: [{ n: 1, model: 'main', state: 'completed', usage, cost_usd: 3.6e-6 }],
    metadata: { marker: MARKER },
    ...more,
  } as unknown as Job;
}

function soundEvents(): ServerEvent[] {
  const delta = { choices: [{ delta: { content: TEXT } }] };
  return [
    { id: 1, type: 'job.queued', data: {} },
    { id: 2, type: 'output.delta', data: delta },
    { id: 3, type: 'job.completed', data: {} },
  ];
}

function request(more: Partial<SeenRequest> = {}): SeenRequest {
  return {
    n: 1,
    at: 1_000,
    ended_at: 1_100,
    method: 'POST',
    path: '/v1/chat/completions',
    model: 'main',
    stream: true,
    authorization: false,
    headers: {},
    body: { messages: [{ role: 'user', content: `chaos ${MARKER} alpha` }] },
    fault: null,
    status: 200,
    outcome: 'sent',
    served: { input: 10, output: 2 },
    ...more,
  };
}

/** A run that was cut off by its worker's death, and the one that took its place. */
function diedAndRan(gapMs: number): [SeenRequest, SeenRequest] {
  const died = request({ outcome: 'aborted', served: null, status: null });
  return [died, request({ n: 2, at: 1_100 + gapMs, ended_at: 1_200 + gapMs })];
}

function judge(evidence: Evidence): Verdict {
  return judgeWithin(evidence, { gapMs: 15_000 });
}

it('finds nothing wrong where nothing is', () => {
  expect(judge(sound())).toMatchObject({
    ...{ posted: 1, accepted: 1, completed: 1, lost: 0, twice: 0, wrongSpend: 0, upstream: 1, repeated: 0 },
    ...{ recordedNano: 3_600, answeredNano: 3_600, longestGapMs: null, readsRefused: 0, broken: [] },
  });
});

describe('ends', () => {
  it.each<[string, (evidence: MutableEvidence) => void]>([
    ['a job that is gone', ({ lastRead }) => lastRead.clear()],
    [
      'one that never ends',
      ({ lastRead }) => lastRead.set(JOB_ID, finishedJob({ finished_at: null, state: 'queued' })),
    ],
  ])('%s is lost', (_, spoil) => {
    const evidence = sound();
    spoil(evidence);
    expect(judge(evidence)).toMatchObject({ lost: 1, broken: [expect.stringContaining('was lost')] });
  });

  it.each<[string, (evidence: MutableEvidence) => void]>([
    ['a second end in its events', ({ events }) => events.get(JOB_ID)?.push({ id: 4, type: 'job.failed', data: {} })],
    ['a record that changes', ({ firstRead }) => firstRead.set(JOB_ID, finishedJob({ cost_usd: 1 }))],
    ['a second job for one request', ({ listed }) => listed.push(finishedJob({ id: 'job_2' }))],
  ])('%s is finishing twice', (_, spoil) => {
    const evidence = sound();
    spoil(evidence);
    const { twice, broken } = judge(evidence);
    expect(twice).toBe(1);
    expect(broken).not.toEqual([]);
  });

  it.each<[string, (evidence: MutableEvidence) => void, string]>([
    ['a gap in the events', ({ events }) => events.get(JOB_ID)?.splice(0, 1), 'gaps'],
    ['a follower who saw something else', ({ followed }) => followed.get(JOB_ID)?.splice(1, 1), 'other events'],
    [
      'the answer to another',
      ({ receipts: [receipt] }) => receipt && (receipt.submission.text = 'charlie'),
      'answered',
    ],
    ['a client given something else', ({ receipts: [receipt] }) => receipt && (receipt.answer = 'alpha'), 'was given'],
    ['an odd refusal', ({ receipts: [receipt] }) => receipt?.odd.push('job 500: oh'), 'odd way'],
    [
      'a request that is never accepted',
      ({ receipts: [receipt] }) => receipt && (receipt.jobId = null),
      'never accepted',
    ],
  ])('%s is told', (_, spoil, words) => {
    const evidence = sound();
    spoil(evidence);
    expect(judge(evidence).broken).toContainEqual(expect.stringContaining(words));
  });

  it.each<[Door, number, number]>([
    ['streamed completion', 1, 0],
    ['job', 0, 1],
  ])('an interrupted stream is an end for a %s that streams synchronously alone', (door, interrupted, otherwise) => {
    const evidence = sound(door);
    const error = { code: 'stream_interrupted', class: null, provider_status: null };
    const job = finishedJob({ state: 'failed', error, result: null, attempts: [], usage: NOTHING, cost_usd: 0 });
    evidence.firstRead.set(JOB_ID, job);
    evidence.lastRead.set(JOB_ID, job);
    const ended = [...soundEvents().slice(0, 2), { id: 3, type: 'job.failed', data: {} }];
    evidence.events.set(JOB_ID, ended);
    evidence.followed.set(JOB_ID, ended);
    const deliveries = [{ jobId: JOB_ID, type: 'job.failed', webhookId: 'evt_1', signed: true }];
    const verdict = judge({ ...evidence, deliveries });
    expect(verdict).toMatchObject({ interrupted, otherwise });
    expect(verdict.broken).toHaveLength(otherwise);
  });
});

const NOTHING = { input_tokens: 0, output_tokens: 0 };

describe('spend', () => {
  const usage = { input_tokens: 10, output_tokens: 2 };
  const attempt = { n: 1, model: 'main', state: 'completed', usage, cost_usd: 3.6e-6 };
  it.each<[string, object]>([
    ['a cost that is not usage times price', { attempts: [{ ...attempt, cost_usd: 7.2e-6 }], cost_usd: 7.2e-6 }],
    ['the price of another model', { attempts: [{ ...attempt, model: 'spare' }] }],
    ['an attempt counted twice', { attempts: [attempt, { ...attempt, n: 2 }] }],
    ['a total that leaves an attempt out', { cost_usd: 0 }],
    ['usage that does not add up', { usage: { input_tokens: 20, output_tokens: 2 } }],
    [
      'usage that was never served',
      {
        attempts: [{ ...attempt, usage: { input_tokens: 10, output_tokens: 3 }, cost_usd: 4.4e-6 }],
        usage: { input_tokens: 10, output_tokens: 3 },
        cost_usd: 4.4e-6,
      },
    ],
  ])('%s is wrong', (_, more) => {
    const evidence = sound();
    const job = finishedJob(more);
    evidence.firstRead.set(JOB_ID, job);
    evidence.lastRead.set(JOB_ID, job);
    const { wrongSpend, broken } = judge(evidence);
    expect(wrongSpend).toBe(1);
    expect(broken).not.toEqual([]);
  });

  it('what an answer served that was broken off does not count, and a run that no attempt tells of is repeated', () => {
    const verdict = judge({ ...sound(), upstream: diedAndRan(100) });
    expect(verdict).toMatchObject({ upstream: 2, repeated: 1, servedNano: 3_600, broken: [] });
  });
});

describe('times', () => {
  it.each([
    [15_000, 0],
    [15_001, 1],
  ])('a gap of %i ms after a death breaks %i guarantees', (gapMs, broken) => {
    const timeline = { ...emptyTimeline(), workerDeaths: [1_090] };
    const verdict = judge({ ...sound(), timeline, upstream: diedAndRan(gapMs - 10) });
    expect(verdict.longestGapMs).toBe(gapMs);
    expect(verdict.broken).toHaveLength(broken);
  });

  it('time without the store is no gap', () => {
    const timeline = { ...emptyTimeline(), workerDeaths: [1_090], storeAway: [{ from: 2_000, to: 12_000 }] };
    const verdict = judge({ ...sound(), timeline, upstream: diedAndRan(20_000) });
    expect(verdict).toMatchObject({ longestGapMs: 10_010, broken: [] });
  });

  it.each<[string, Partial<Evidence['reads'][number]>, Partial<Evidence['timeline']>, boolean]>([
    [
      'a 503 while the store is away',
      { status: 503, retryAfter: '1' },
      { storeAway: [{ from: 900, to: 1_005 }] },
      true,
    ],
    ['a 503 without Retry-After', { status: 503 }, { storeAway: [{ from: 900, to: 1_005 }] }, false],
    ['a 503 while the store is there', { status: 503, retryAfter: '1' }, { workerDeaths: [1_005] }, false],
    ['a 404 while the store is away', { status: 404 }, { storeAway: [{ from: 900, to: 1_005 }] }, false],
    ['no answer from an API that dies', { status: null }, { apiDeaths: [1_005] }, true],
    ['no answer while the store is away', { status: null }, { storeAway: [{ from: 900, to: 1_005 }] }, false],
  ])('%s', (_, read, timeline, allowed) => {
    const reads = [{ from: 1_000, to: 1_010, status: 200, retryAfter: null, ...read }];
    const verdict = judge({ ...sound(), reads, timeline: { ...emptyTimeline(), ...timeline } });
    expect(verdict).toMatchObject({ reads: 1, readsRefused: 1 });
    expect(verdict.broken).toHaveLength(allowed ? 0 : 1);
  });
});

describe('budgets', () => {
  const budget = { rule: 'project/month', reserved_nano: 0, spent_nano: 3_600 };

  it('say what the jobs cost, and nothing else', () => {
    expect(judge({ ...sound(), budgets: [budget] })).toMatchObject({ stillReservedNano: 0, broken: [] });
  });

  it.each([
    ['what stays reserved', { reserved_nano: 1 }, '1 nano-dollars stay reserved'],
    ['what was spent twice', { spent_nano: 7_200 }, '7200 nano-dollars are spent, and the jobs cost 3600'],
    ['what was lost', { spent_nano: 0 }, '0 nano-dollars are spent'],
  ])('%s is told', (_, wrong, words) => {
    const { broken } = judge({ ...sound(), budgets: [{ ...budget, ...wrong }] });
    expect(broken).toEqual([expect.stringContaining(words)]);
  });
});

describe('webhooks', () => {
  const heard = { jobId: JOB_ID, type: 'job.completed', webhookId: 'evt_1', signed: true };

  it('may arrive twice, as long as it is the same one', () => {
    expect(judge({ ...sound(), deliveries: [heard, heard] })).toMatchObject({ told: 1, toldAgain: 1, broken: [] });
  });

  it.each([
    ['none', [], 'said nothing'],
    ['two events for one end', [heard, { ...heard, webhookId: 'evt_2' }], 'evt_1 job.completed and evt_2'],
    ['another end than the record has', [{ ...heard, type: 'job.failed' }], 'ended completed'],
    ['one that is not signed', [{ ...heard, signed: false }], 'signature does not hold'],
  ])('%s is told', (_, deliveries, words) => {
    expect(judge({ ...sound(), deliveries }).broken).toEqual([expect.stringContaining(words)]);
  });
});
