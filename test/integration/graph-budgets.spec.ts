import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { DEFAULT_OUTPUT, defaultOrchestration } from '#contracts/orchestration.js';
import { FIRST_ASK } from '#jobs/graph-record.js';
import type { OpenReply } from '#jobs/graph-store.js';
import type { JobRecord, NewJob } from '#jobs/job-record.js';
import { keys } from '#platform/keys.js';
import { waitFor } from '#testing/wait-for.js';
import type { JobSubmission } from '../../apps/api/src/jobs/job-submission.js';
import type { SubmitRequest } from '../../apps/api/src/jobs/submit-request.js';
import { fourRules, reserving, standing } from './support/budgets.js';
import { ADVERSARIAL, byStep } from './support/graph-turns.js';
import { newGraph, newJob, outcomeOf } from './support/new-job.js';
import { RedisFixture } from './support/redis-fixture.js';
import { PRINCIPAL, requestOf, submissionOf } from './support/submission.js';
import { answers, fails, Gate, hangs } from './support/turns.js';
import { ended, makeDue, pass, read, ScriptedAdapter, startWorkerRig, type Turn } from './support/worker-rig.js';

const fixture = new RedisFixture();
const USD = 1e9;
const RULES = fourRules(10 * USD);

const spec = (mode: 'adversarial' | 'refine' | 'vote', change: object = {}) => ({
  orchestration: { ...defaultOrchestration(mode), ...change },
});

async function submitter(turn: Turn, { pools = true } = {}): Promise<JobSubmission> {
  return submissionOf(fixture, await startWorkerRig(fixture, { adapter: new ScriptedAdapter([turn]), pools }));
}

async function submitted(submission: JobSubmission, options: Partial<SubmitRequest>, rules = RULES): Promise<NewJob> {
  const job = await submission.plan(requestOf({ ...options, principal: { ...PRINCIPAL, budgets: rules } }));
  await submission.create(job);
  return job;
}

const sumOf = (job: NewJob): number =>
  Object.values(job.graph?.plan.reserved ?? {}).reduce((sum, nano) => sum + nano, 0);

const heldBy = async (callId: string): Promise<number> =>
  Number(await fixture.redis.hget(keys.call(callId), 'reserved'));

describe('a graph', () => {
  it.each([
    ['adversarial', { iterations: 2 }, 5],
    ['refine', { iterations: 3 }, 7],
    ['vote', { voters: 4 }, 5],
  ] as const)('%s %j reserves for each of its planned calls when it is made', async (mode, change, calls) => {
    const job = await submitted(await submitter(hangs, { pools: false }), spec(mode, change));
    expect(Object.values(job.graph?.plan.reserved ?? {}).filter((nano) => nano >= 10_000_000)).toHaveLength(calls);
    expect(await standing(fixture, RULES)).toEqual({ reserved: sumOf(job), spent: 0 });
    await fixture.store.cancel(job.id);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: 0 });
  });

  it('that is a nano-dollar beyond the budget is not made at all', async () => {
    const submission = await submitter(hangs, { pools: false });
    const whole = sumOf(
      await submission.plan(requestOf({ ...spec('refine'), principal: { ...PRINCIPAL, budgets: RULES } })),
    );
    await expect(submitted(submission, spec('refine'), fourRules(whole - 1))).rejects.toMatchObject({
      code: 'insufficient_quota',
    });
    expect(await fixture.redis.keys('*budgets*')).toEqual([]);
    await submitted(submission, spec('refine'), fourRules(whole));
    expect(await standing(fixture, fourRules(whole))).toEqual({ reserved: whole, spent: 0 });
  });

  it('holds, once a step has ended, what the call under way may cost and what is planned', async () => {
    const gate = new Gate();
    const submission = await submitter(byStep({ ...ADVERSARIAL, critique: gate.turn(ADVERSARIAL.critique) }));
    const job = await submitted(submission, spec('adversarial'));
    await waitFor(() => gate.waiting === 1, { describe: 'the critic to be asked' });
    const critique = await heldBy(`${job.id}-critique-1`);
    const { reserved: planned = {} } = job.graph?.plan ?? {};
    expect(critique).toBeGreaterThan(0);
    expect(critique).toBeLessThanOrEqual(planned['critique-1'] ?? 0);
    const { costNano } = await read(fixture, job);
    expect(costNano).toBeGreaterThan(0);
    expect(await standing(fixture, RULES)).toEqual({
      reserved: critique + (planned['refine-1'] ?? NaN),
      spent: costNano,
    });
    gate.open();
    const record = await ended(fixture, job);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: record.costNano });
  });

  it('never needs more for a step than was planned for it, where no answer is asked for again', async () => {
    const submission = await submitter(byStep({ ...ADVERSARIAL, first: answers('word '.repeat(1_000)) }));
    const job = await submitted(submission, spec('adversarial', { iterations: 2 }));
    await ended(fixture, job);
    for (const [step, nano] of Object.entries(job.graph?.plan.reserved ?? {}))
      expect({ step, more: (await heldBy(`${job.id}-${step}`)) > nano }).toEqual({ step, more: false });
  });
});

const byItself = (): Promise<void> => Promise.resolve();

/** How a graph may end. */
const ENDS: [string, Partial<SubmitRequest>, Turn, string, (job: NewJob) => Promise<unknown>][] = [
  ['it completes', spec('adversarial', { iterations: 2 }), byStep(ADVERSARIAL), 'completed', byItself],
  [
    'its critic approves in the first of many rounds',
    spec('adversarial', { iterations: 10 }),
    byStep({ ...ADVERSARIAL, critique: answers('Good.\nAPPROVED') }),
    'completed',
    byItself,
  ],
  [
    'a step fails',
    spec('adversarial'),
    byStep({ ...ADVERSARIAL, critique: fails('invalid_request') }),
    'failed',
    byItself,
  ],
  [
    'one of its voters fails',
    spec('vote'),
    byStep({ first: [fails('invalid_request'), answers('good')], judge: answers('VERDICT: A') }),
    'completed',
    byItself,
  ],
  ['its vote fails', spec('vote'), byStep({ first: [answers('good'), fails('invalid_request')] }), 'failed', byItself],
  [
    'its answers are asked for again and again',
    { output: { ...DEFAULT_OUTPUT, format: 'json' } },
    answers('not JSON'),
    'failed',
    byItself,
  ],
  [
    'it is cancelled while a step runs',
    spec('adversarial'),
    byStep({ ...ADVERSARIAL, critique: hangs }),
    'cancelled',
    async (job) => {
      await waitFor(async () => (await fixture.redis.exists(keys.call(`${job.id}-critique-1`))) === 1, {
        describe: 'the critique to be asked for',
      });
      await fixture.store.cancel(job.id);
    },
  ],
  [
    'its deadline passes',
    { ...spec('refine'), deadline: Date.now() + 86_400_000 },
    byStep({ ...ADVERSARIAL, review: hangs }),
    'expired',
    async (job) => {
      await waitFor(async () => (await fixture.redis.exists(keys.call(`${job.id}-review-1`))) === 1, {
        describe: 'the review to be asked for',
      });
      await fixture.redis.hset(keys.job(job.id), 'deadline', Date.now() - 60_000);
      await makeDue(fixture, job);
      await pass(fixture);
    },
  ],
];

describe('what a graph has reserved', () => {
  it.each(ENDS)('is given back when %s', async (_how, options, turn, state, end) => {
    const job = await submitted(await submitter(turn), options);
    await end(job);
    const record = await ended(fixture, job);
    expect(record.state).toBe(state);
    await waitFor(async () => (await standing(fixture, RULES)).reserved === 0, { describe: 'nothing to be reserved' });
    const { costNano } = await read(fixture, job);
    expect(await standing(fixture, RULES)).toEqual({ reserved: 0, spent: costNano });
  });

  it('by a retry is for the steps that are left', async () => {
    const submission = await submitter(byStep({ ...ADVERSARIAL, critique: [fails('invalid_request'), hangs] }));
    const job = await submitted(submission, spec('adversarial'));
    const failed = await ended(fixture, job);
    const spentBefore = failed.costNano;
    await submission.create(await submission.planRetry(failed, { ...PRINCIPAL, budgets: RULES }));
    const { reserved, spent } = await standing(fixture, RULES);
    const planned = job.graph?.plan.reserved ?? {};
    expect(spent).toBe(spentBefore);
    expect(reserved).toBeLessThanOrEqual(sumOf(job) - (planned.plan ?? 0));
    expect(reserved).toBeGreaterThan(planned['refine-1'] ?? NaN);
  });
});

describe('a call for which no budget is left', () => {
  it('ends the job as budget_exceeded, with what was made so far', async () => {
    const gate = new Gate();
    const judge = gate.turn(answers('I cannot decide.'));
    const submission = await submitter(byStep({ first: answers('good'), judge, verdict: answers('VERDICT: A') }));
    const job = await submitted(submission, spec('vote', { voters: 2 }));
    await waitFor(() => gate.waiting === 1, { describe: 'the judge to be asked' });
    // Another job takes what is left: the judge cannot be asked again for the line that it did not write.
    const { reserved, spent } = await standing(fixture, RULES);
    const left = newJob(reserving(10 * USD - reserved - spent, RULES));
    expect((await fixture.store.create(left)).kind).toBe('created');
    gate.open();
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'failed', error: { code: 'budget_exceeded' } });
    expect(record.steps.map(({ id, state, output }) => [id, state, output?.text])).toEqual([
      ['candidate-1', 'completed', 'good'],
      ['candidate-2', 'completed', 'good'],
      ['judge', 'failed', undefined],
    ]);
    const after = await standing(fixture, RULES);
    expect(after).toEqual({ reserved: left.budget?.reserveNano, spent: record.costNano });
  });

  it('after an answer that could not be read does so, too', async () => {
    const gate = new Gate();
    const output = { ...DEFAULT_OUTPUT, format: 'json' as const };
    const submission = await submitter(gate.turn(answers('not JSON')));
    const job = await submitted(submission, { output });
    await waitFor(() => gate.waiting === 1, { describe: 'the model to be asked' });
    const { reserved } = await standing(fixture, RULES);
    await fixture.store.create(newJob(reserving(10 * USD - reserved, RULES)));
    gate.open();
    const record = await ended(fixture, job);
    expect(record).toMatchObject({ state: 'failed', error: { code: 'budget_exceeded' } });
    expect(record.attempts).toHaveLength(1);
  });
});

describe('opening a call', () => {
  const planned = { plan: 10, 'critique-1': 20, 'refine-1': 30 };
  const tight = fourRules(100);

  async function graphWith(rules = tight): Promise<NewJob> {
    const made = newGraph({ mode: 'adversarial' }, { ...reserving(60, rules) });
    if (made.graph === null) throw new Error('no graph');
    const job = { ...made, graph: { ...made.graph, plan: { ...made.graph.plan, reserved: planned } } };
    expect((await fixture.store.create(job)).kind).toBe('created');
    return job;
  }

  async function open(job: NewJob, id: string, reserveNano: number): Promise<OpenReply> {
    const graph = await fixture.graphs.read(job.id);
    const step = graph?.steps.find((one) => one.id === id);
    if (!graph || !step) throw new Error(`there is no ${id}`);
    const request: JsonObject = { messages: [] };
    const call = { parent: 'a-step', plan: job.plan, request, ask: FIRST_ASK, estimatedCostNano: 0, reserveNano };
    return fixture.graphs.openCall(graph, step, call);
  }

  it('tops up what was planned for it, or gives back what it does not need', async () => {
    const job = await graphWith();
    expect((await open(job, 'plan', 15)).kind).toBe('opened');
    expect(await standing(fixture, tight)).toEqual({ reserved: 65, spent: 0 });
    expect((await open(job, 'critique-1', 5)).kind).toBe('opened');
    expect(await standing(fixture, tight)).toEqual({ reserved: 50, spent: 0 });
    // A second call of the step was not planned.
    expect((await open(job, 'critique-1', 50)).kind).toBe('opened');
    expect(await standing(fixture, tight)).toEqual({ reserved: 100, spent: 0 });
  });

  it('writes nothing when what is missing does not fit', async () => {
    const job = await graphWith();
    const before = await fixture.snapshot();
    expect((await open(job, 'plan', 51)).kind).toBe('over_budget');
    expect(await fixture.snapshot()).toEqual(before);
    expect((await open(job, 'plan', 50)).kind).toBe('opened');
  });

  it('by many at once tops up once', async () => {
    const job = await graphWith();
    const replies = await Promise.all([1, 2, 3, 4].map(() => open(job, 'plan', 20)));
    expect(replies.map(({ kind }) => kind).toSorted()).toEqual(['known', 'known', 'known', 'opened']);
    expect(await standing(fixture, tight)).toEqual({ reserved: 70, spent: 0 });
  });

  it('whose run ends after the job counts what it cost, and reserves nothing', async () => {
    const job = await graphWith();
    await open(job, 'plan', 10);
    const run = { jobId: job.id, callId: `${job.id}-plan`, attempt: 1, run: 'a' };
    await fixture.begin(run);
    const failed = { state: 'failed', body: '{}', model: '', provider: '', delta: null, skipped: [] } as const;
    expect(await fixture.graphs.finish({ jobId: job.id, plan: { stream: false } }, failed)).toBe(true);
    expect(await standing(fixture, tight)).toEqual({ reserved: 0, spent: 0 });
    await fixture.attempts.finishCall(run, outcomeOf('cancelled'));
    const { costNano }: JobRecord = await read(fixture, job);
    expect(await standing(fixture, tight)).toEqual({ reserved: 0, spent: costNano });
  });
});
