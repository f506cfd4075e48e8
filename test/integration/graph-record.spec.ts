import { describe, expect, it } from '@jest/globals';
import type { StepOutput } from '#contracts/orchestration.js';
import type { Graph, GraphStep, NewCall } from '#jobs/graph-record.js';
import type { GraphEnd, OpenReply } from '#jobs/graph-store.js';
import type { Run } from '#jobs/attempt-store.js';
import type { NewJob } from '#jobs/job-record.js';
import type { EndNotice } from '#jobs/notices.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import { hop, newGraph, newJob, outcomeOf, type NewGraphOptions } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { eventsOf, makeDue, read } from './support/worker-rig.js';

const fixture = new RedisFixture();

const OUTPUT: StepOutput = { text: 'the plan', completion: null, model: 'small', provider: 'acme' };
const COMPLETED: Partial<GraphStep> = { state: 'completed', output: OUTPUT };
const FAILED: Partial<GraphStep> = {
  state: 'failed',
  error: { code: 'upstream', message: 'It failed.', class: null, providerStatus: null },
};
const DONE: GraphEnd = {
  ...{ state: 'completed', body: '{"answer":42}', model: 'large', provider: 'bolt' },
  ...{ delta: null, skipped: [] },
};
const CALL: NewCall = {
  ...{ parent: 'a-step', request: { messages: [] }, estimatedCostNano: 7, reserveNano: 9 },
  ask: { why: 'first', quoteCharacters: null, native: false, refused: false, rejected: null },
  plan: newJob().plan,
};

async function create(options: NewGraphOptions = {}, mode: 'adversarial' | 'vote' = 'adversarial'): Promise<NewJob> {
  const job = newGraph({ mode }, options);
  await fixture.store.create(job);
  return job;
}

async function graphOf(job: NewJob): Promise<Graph> {
  const graph = await fixture.graphs.read(job.id);
  if (graph === null) throw new Error(`${job.id} has no graph`);
  return graph;
}

async function stepOf(job: NewJob, id: string): Promise<GraphStep> {
  const step = (await graphOf(job)).steps.find((one) => one.id === id);
  if (!step) throw new Error(`there is no ${id}`);
  return step;
}

const open = async (job: NewJob, id: string, as: Partial<GraphStep> = {}): Promise<OpenReply> =>
  fixture.graphs.openCall(await graphOf(job), { ...(await stepOf(job, id)), ...as }, CALL);
const endedStep = async (job: NewJob, id: string, end = COMPLETED): Promise<GraphStep> => ({
  ...(await stepOf(job, id)),
  ...end,
});
const finishStep = async (job: NewJob, id: string): Promise<boolean> =>
  fixture.graphs.finishSteps(job.id, [await endedStep(job, id)]);
const finish = async (job: NewJob, end: Partial<GraphEnd> = {}): Promise<boolean> =>
  fixture.graphs.finish(await graphOf(job), { ...DONE, ...end });
const runIn = (job: NewJob, step: string, token = 'r'): Run => ({
  ...{ jobId: job.id, callId: `${job.id}-${step}`, attempt: 1, run: token },
});
const finishCall = (job: NewJob, step: string, state: Parameters<typeof outcomeOf>[0], token = 'r') =>
  fixture.attempts.finishCall(runIn(job, step, token), outcomeOf(state));
const types = async (job: NewJob): Promise<string[]> => (await eventsOf(fixture, job)).map(({ type }) => type);

/** Opens and begins the calls of these steps. */
async function running(job: NewJob, ...steps: string[]): Promise<void> {
  for (const step of steps) {
    expect((await open(job, step)).kind).toBe('opened');
    expect((await fixture.begin(runIn(job, step))).kind).toBe('run');
  }
}

describe('opening a call', () => {
  it('is done once for each number, and in order', async () => {
    const job = await create();
    expect(await open(job, 'plan')).toMatchObject({ kind: 'opened', callId: `${job.id}-plan` });
    expect(await open(job, 'plan', { calls: 0 })).toEqual({ kind: 'known' });
    expect(await open(job, 'plan', { calls: 2 })).toEqual({ kind: 'known' });
    expect(await open(job, 'plan', { calls: 1 })).toMatchObject({ kind: 'opened', callId: `${job.id}-plan-ask2` });
    expect(await stepOf(job, 'plan')).toMatchObject({ state: 'in_progress', calls: 2, callId: `${job.id}-plan-ask2` });
    expect(await types(job)).toEqual(['job.queued', 'step.started']);
  });

  it('by many at once is done by one', async () => {
    const job = await create();
    const graph = await graphOf(job);
    const [step] = graph.steps;
    if (!step) throw new Error('no step');
    const replies = await Promise.all([1, 2, 3, 4].map(() => fixture.graphs.openCall(graph, step, CALL)));
    expect(replies.map(({ kind }) => kind).toSorted()).toEqual(['known', 'known', 'known', 'opened']);
  });

  it('of a step that has ended, of a job that has ended, of one that is gone, writes nothing', async () => {
    const job = await create();
    const graph = await graphOf(job);
    await finishStep(job, 'plan');
    const before = await fixture.snapshot();
    expect(await open(job, 'plan')).toEqual({ kind: 'known' });
    expect(await fixture.snapshot()).toEqual(before);
    await finish(job);
    const ended = await fixture.snapshot();
    expect(await open(job, 'critique-1')).toEqual({ kind: 'finished', state: 'completed' });
    expect(await fixture.snapshot()).toEqual(ended);
    await fixture.store.delete(job.id, job.project);
    const [step] = graph.steps;
    expect(step && (await fixture.graphs.openCall(graph, step, CALL))).toEqual({ kind: 'gone' });
    expect(await fixture.redis.exists(keys.steps(job.id), keys.call(`${job.id}-plan`))).toBe(0);
  });

  it('past the deadline ends the job', async () => {
    const job = await create({ deadline: Date.now() - 1 });
    expect(await open(job, 'plan')).toEqual({ kind: 'finished', state: 'expired' });
    expect((await read(fixture, job)).state).toBe('expired');
  });
});

describe('what follows from the end of steps', () => {
  it('is committed with it: the next call, all of it or nothing', async () => {
    const job = await create({}, 'vote');
    const [first, second] = [await endedStep(job, 'candidate-1'), await endedStep(job, 'candidate-2', FAILED)];
    const judge = await stepOf(job, 'judge');
    const graph = await graphOf(job);
    expect((await fixture.graphs.openCall(graph, judge, CALL, [first, second])).kind).toBe('opened');
    const states = (await graphOf(job)).steps.map(({ state }) => state);
    expect(states).toEqual(['completed', 'failed', 'pending', 'in_progress']);
    expect(await stepOf(job, 'candidate-2')).toMatchObject({ error: FAILED.error, output: null });
    expect(await types(job)).toEqual(['job.queued', 'step.completed', 'step.failed', 'step.started']);

    const before = await fixture.snapshot();
    const third = await endedStep(job, 'candidate-3');
    const again = { ...(await stepOf(job, 'judge')), calls: 1 };
    expect(await fixture.graphs.openCall(graph, again, CALL, [third, first])).toEqual({ kind: 'known' });
    expect(await fixture.snapshot()).toEqual(before);
  });

  it('is committed with it: the end of the job, all of it or nothing', async () => {
    const job = await create();
    const plan = await endedStep(job, 'plan');
    const graph = await graphOf(job);
    expect(await fixture.graphs.finish(graph, DONE, [{ ...plan, calls: 1 }])).toBe(false);
    expect(await types(job)).toEqual(['job.queued']);
    expect(await fixture.graphs.finish(graph, { ...DONE, skipped: ['critique-1', 'refine-1'] }, [plan])).toBe(true);
    expect((await graphOf(job)).steps.map(({ state }) => state)).toEqual(['completed', 'skipped', 'skipped']);
    expect(await types(job)).toEqual(['job.queued', 'step.completed', 'job.completed']);
  });

  it('past the deadline the job ends, and keeps what was made', async () => {
    const job = await create({ deadline: Date.now() - 1 });
    const plan = await endedStep(job, 'plan');
    const reply = await fixture.graphs.openCall(await graphOf(job), await stepOf(job, 'critique-1'), CALL, [plan]);
    expect(reply).toEqual({ kind: 'finished', state: 'expired' });
    expect(await stepOf(job, 'plan')).toMatchObject({ state: 'completed', output: OUTPUT });
  });
});

describe('finishing steps', () => {
  it('is committed once, and tells who reads the events', async () => {
    const job = await create();
    const step = await stepOf(job, 'plan');
    expect(await fixture.graphs.finishSteps(job.id, [{ ...step, ...COMPLETED }])).toBe(true);
    const before = await fixture.snapshot();
    expect(await fixture.graphs.finishSteps(job.id, [{ ...step, ...FAILED }])).toBe(false);
    expect(await fixture.snapshot()).toEqual(before);
    expect(await stepOf(job, 'plan')).toMatchObject({ state: 'completed', output: OUTPUT, error: null });
    expect(await types(job)).toEqual(['job.queued', 'step.completed']);
  });

  it('with an older call than its newest is refused', async () => {
    const job = await create();
    await open(job, 'plan');
    const older = await stepOf(job, 'plan');
    await open(job, 'plan');
    expect(await fixture.graphs.finishSteps(job.id, [{ ...older, ...COMPLETED }])).toBe(false);
    expect(await finishStep(job, 'plan')).toBe(true);
  });

  it('after the end of the job, or of one that is gone, writes nothing', async () => {
    const job = await create();
    const step = await stepOf(job, 'plan');
    await fixture.store.cancel(job.id);
    const before = await fixture.snapshot();
    expect(await fixture.graphs.finishSteps(job.id, [{ ...step, ...COMPLETED }])).toBe(false);
    expect(await fixture.snapshot()).toEqual(before);
    await fixture.store.delete(job.id, job.project);
    expect(await fixture.graphs.finishSteps(job.id, [{ ...step, ...COMPLETED }])).toBe(false);
    expect(await fixture.redis.exists(keys.steps(job.id))).toBe(0);
  });
});

describe('finishing a graph', () => {
  it('is committed once: state, skipped steps, webhook and a notice with what all calls have cost', async () => {
    const hooks = [{ endpoint: 'all', url: null, events: ['job.*' as const] }];
    const job = await create({ waiter: 'api-1', hooks });
    const { notices } = await fixture.notices('api-1');
    const heard: EndNotice[] = [];
    notices.listen(job.id, { onEnd: (notice) => heard.push(notice), onInterrupted: () => undefined });
    await running(job, 'plan');
    await fixture.attempts.advance(runIn(job, 'plan'), hop(1));
    await fixture.begin({ ...runIn(job, 'plan'), attempt: 2 });
    await fixture.attempts.finishCall({ ...runIn(job, 'plan'), attempt: 2 }, outcomeOf('completed', 2));
    expect(await finish(job, { skipped: ['critique-1', 'refine-1'] })).toBe(true);
    const before = await fixture.snapshot();
    expect(await finish(job, { state: 'failed', body: '{}' })).toBe(false);
    expect(await fixture.snapshot()).toEqual(before);
    await waitFor(() => heard.length > 0, { describe: 'the notice' });
    expect(heard).toMatchObject([
      { state: 'completed', model: 'large', provider: 'bolt', attempts: 2, costNano: 2 * 1_234, body: '{"answer":42}' },
    ]);
    const record = await read(fixture, job);
    expect(record).toMatchObject({ state: 'completed', result: '{"answer":42}', model: 'large', costNano: 2 * 1_234 });
    expect(record.steps.map(({ state }) => state)).toEqual(['in_progress', 'skipped', 'skipped']);
    expect(await fixture.redis.xlen(keys.webhookOutbox())).toBe(1);
  });
});

describe('the outcome of a call', () => {
  it('of an older run is refused', async () => {
    const job = await create();
    await running(job, 'plan');
    await fixture.begin(runIn(job, 'plan', 'newer'));
    const before = await fixture.snapshot();
    expect(await finishCall(job, 'plan', 'completed')).toEqual({ kind: 'refused' });
    expect(await fixture.snapshot()).toEqual(before);
    expect(await finishCall(job, 'plan', 'completed', 'newer')).toEqual({
      kind: 'committed',
      graph: await graphOf(job),
    });
  });

  it('after the end of the job is still paid for', async () => {
    const job = await create();
    await running(job, 'plan');
    await finish(job, { state: 'failed', body: '{}' });
    expect((await finishCall(job, 'plan', 'completed')).kind).toBe('committed');
    expect(await read(fixture, job)).toMatchObject({ state: 'failed', costNano: 1_234 });
  });

  it('that was stopped for its deadline ends the job, though Redis’s clock is behind the worker’s', async () => {
    const job = await create();
    await running(job, 'plan');
    expect(await finishCall(job, 'plan', 'expired')).toEqual({ kind: 'committed', graph: null });
    expect((await read(fixture, job)).state).toBe('expired');
  });
});

describe('with several calls running', () => {
  const candidates = ['candidate-1', 'candidate-2', 'candidate-3'] as const;
  const state = async (job: NewJob) => (await read(fixture, job)).state;

  it.each<[string, 'cancelled' | 'expired' | 'completed']>([
    ['are stopped', 'cancelled'],
    ['answer all the same', 'completed'],
  ])('a cancelled job ends exactly with the last of them: they %s', async (_how, outcome) => {
    const job = await create({}, 'vote');
    await running(job, ...candidates);
    expect(await fixture.store.cancel(job.id)).toBe('requested');
    for (const [n, candidate] of candidates.entries()) {
      expect([n, await state(job)]).toEqual([n, 'in_progress']);
      await finishCall(job, candidate, outcome);
    }
    expect(await read(fixture, job)).toMatchObject({ state: 'cancelled', costNano: 3 * 1_234 });
  });

  it('a cancelled job whose calls are given back ends with the last of them', async () => {
    const job = await create({}, 'vote');
    await running(job, ...candidates);
    await fixture.store.cancel(job.id);
    await fixture.attempts.advance(runIn(job, 'candidate-1'), hop(1));
    expect(await fixture.begin(runIn(job, 'candidate-2', 'after a crash'))).toMatchObject({ kind: 'finished' });
    expect(await state(job)).toBe('in_progress');
    await finishCall(job, 'candidate-3', 'cancelled');
    expect(await state(job)).toBe('cancelled');
  });

  it('an expired job ends with the last of them', async () => {
    const job = await create({}, 'vote');
    await running(job, ...candidates);
    await fixture.redis.hset(keys.job(job.id), 'deadline', 1);
    await finishCall(job, 'candidate-1', 'expired');
    await makeDue(fixture, job);
    await finishCall(job, 'candidate-2', 'expired');
    expect(await state(job)).toBe('in_progress');
    await finishCall(job, 'candidate-3', 'expired');
    expect(await state(job)).toBe('expired');
  });

  it('the reconciler says again that they are to stop, and ends what none of them does', async () => {
    const job = await create({}, 'vote');
    await running(job, 'candidate-1', 'candidate-2');
    await fixture.redis.hset(keys.job(job.id), 'deadline', Date.now() - 5_000);
    expect(await fixture.unfinished.look(job.id)).toEqual({ kind: 'graph' });
    await fixture.redis.hset(keys.job(job.id), 'deadline', Date.now() - 60_000);
    expect(await fixture.unfinished.look(job.id)).toEqual({ kind: 'ended', state: 'expired' });
  });
});

describe('what a graph leaves in Redis', () => {
  const idempotency = { key: keys.idempotency('default', 'jobs', 'k'), fingerprint: 'f' };

  async function finished(): Promise<NewJob> {
    const job = await create({ idempotency, retainMs: 60_000 });
    await running(job, 'plan');
    await finishCall(job, 'plan', 'completed');
    await open(job, 'plan');
    await finishStep(job, 'plan');
    await open(job, 'critique-1');
    await finish(job, { skipped: ['refine-1'], delta: '{"attempt":1,"choices":[]}' });
    return job;
  }

  it('lives for its retention after the end, all of it', async () => {
    const job = await finished();
    const own = (await fixture.redis.keys('*')).filter((key) => key.includes(job.id));
    expect(own).toHaveLength(6);
    for (const key of [...own, idempotency.key])
      expect([key, Math.ceil((await fixture.redis.pttl(key)) / 10_000)]).toEqual([key, 6]);
    expect(await fixture.redis.zcard(keys.unfinished())).toBe(0);
  });

  it('is gone once it is deleted, all of it', async () => {
    const job = await finished();
    expect(await fixture.store.delete(job.id, job.project)).toBe('deleted');
    const lasting = [keys.poolOrder('acme'), keys.jobLists()];
    const left = (await fixture.redis.keys('*')).filter((key) => !lasting.includes(key));
    expect(left).toEqual([]);
  });

  it('cannot be deleted before its end', async () => {
    const job = await create();
    await open(job, 'plan');
    expect(await fixture.store.delete(job.id, job.project)).toBe('unfinished');
  });
});
