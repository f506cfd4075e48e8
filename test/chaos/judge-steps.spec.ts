import { describe, expect, it } from '@jest/globals';
import type { SeenRequest } from '../../apps/simulator/src/counters.ts';
import type { Job } from '../e2e/doors.ts';
import type { Evidence } from './evidence.ts';
import type { PlannedGraph, PlannedStep } from './graph-load.ts';
import { judgeEnds } from './judge-ends.ts';
import { judgeSpend } from './judge-spend.ts';
import { judgeSteps } from './judge-steps.ts';
import { emptyTimeline } from './timeline.ts';

const [JOB_ID, MARKER] = ['job_1', 'run-1'];
/** When the graph ended; its steps ended one and two seconds before. */
const END = Date.parse('2026-11-01T00:00:10.000Z');
const USAGE = { input_tokens: 10, output_tokens: 2 };
const COST = 3.6e-6;
const ATTEMPT = { model: 'main', state: 'completed', usage: USAGE, cost_usd: COST };

const planned = (id: string, cue: string): PlannedStep => ({
  ...{ id, cue, says: `${MARKER}/${id} alpha`, shows: `${MARKER}/${id} alpha`, settings: {} },
});
const GRAPH: PlannedGraph = {
  steps: [planned('plan', `chaos ${MARKER} `), planned('critique-1', `${MARKER}/plan `)],
  text: `${MARKER}/plan alpha`,
  orchestration: { mode: 'adversarial', iterations: 1 },
  models: ['main'],
};

interface StepView {
  id: string;
  state: string;
  finished_at: string | null;
  cost_usd: number;
  output: string | null;
}

interface Made {
  job: Job & { steps: StepView[] };
  upstream: [SeenRequest, SeenRequest, ...SeenRequest[]];
  evidence: Evidence;
}

/** A plan that its critic approved, so that nothing was refined; everything as it should be. */
function sound(): Made {
  const done = { state: 'completed', cost_usd: COST };
  const job = {
    id: JOB_ID,
    type: 'orchestration',
    state: 'completed',
    finished_at: at(0),
    result: { response: { choices: [{ message: { content: GRAPH.text }, finish_reason: 'stop' }] } },
    error: null,
    usage: { input_tokens: 20, output_tokens: 4 },
    cost_usd: 2 * COST,
    attempts: [
      { ...ATTEMPT, n: 1, step: 'plan' },
      { ...ATTEMPT, n: 1, step: 'critique-1' },
    ],
    steps: [
      { ...done, id: 'plan', finished_at: at(-2_000), output: `${MARKER}/plan alpha` },
      { ...done, id: 'critique-1', finished_at: at(-1_000), output: `${MARKER}/critique-1 alpha` },
      { id: 'refine-1', state: 'skipped', finished_at: null, cost_usd: 0, output: null },
    ],
    metadata: { marker: MARKER },
  } as unknown as Made['job'];
  const upstream: Made['upstream'] = [
    request(-3_000, `chaos ${MARKER} hello`),
    request(-1_900, `the draft: ${MARKER}/plan alpha`),
  ];
  const submission = { atMs: 0, marker: MARKER, door: 'graph' as const, body: {}, text: GRAPH.text, graph: GRAPH };
  const receipt = {
    submission: { ...submission, cancelAfterMs: null },
    jobId: JOB_ID,
    tries: 1,
    answer: null,
    odd: [],
  };
  const evidence: Evidence = {
    receipts: [receipt],
    firstRead: new Map(),
    lastRead: new Map([[JOB_ID, job]]),
    events: new Map([[JOB_ID, [{ id: 1, type: 'job.completed', data: {} }]]]),
    followed: new Map(),
    listed: [job],
    upstream,
    deliveries: [],
    budgets: [],
    reads: [],
    timeline: emptyTimeline(),
  };
  return { job, upstream, evidence };
}

/** The same, cancelled while its critic was asked. */
function cancelled(): Made {
  const made = sound();
  const [, critique, refine] = made.job.steps;
  Object.assign(made.job, { state: 'cancelled', result: null, cost_usd: COST, usage: USAGE });
  made.job.attempts.pop();
  Object.assign(critique ?? {}, { state: 'in_progress', finished_at: null, cost_usd: 0, output: null });
  Object.assign(refine ?? {}, { state: 'pending' });
  made.upstream[1] = { ...made.upstream[1], ended_at: END + 10, outcome: 'aborted', served: null };
  const [receipt] = made.evidence.receipts;
  if (receipt) receipt.submission.cancelAfterMs = 100;
  made.evidence.events.get(JOB_ID)?.splice(0, 1, { id: 1, type: 'job.cancelled', data: {} });
  return made;
}

function request(fromEnd: number, asked: string, more: Partial<SeenRequest> = {}): SeenRequest {
  return {
    ...{ n: 1, at: END + fromEnd, ended_at: END + fromEnd + 100, method: 'POST', path: '/v1/chat/completions' },
    ...{ model: 'main', stream: false, authorization: false, headers: {}, fault: null, status: 200, outcome: 'sent' },
    body: { messages: [`chaos ${MARKER} hello`, asked].map((content) => ({ role: 'user', content })) },
    served: { input: 10, output: 2 },
    ...more,
  };
}

function at(fromEnd: number): string {
  return new Date(END + fromEnd).toISOString();
}

function everyJudge({ evidence }: Made): string[] {
  return [judgeEnds, judgeSpend, judgeSteps].flatMap((judge) => judge(evidence).broken);
}

it('finds nothing wrong with a graph where nothing is', () => {
  const made = sound();
  expect(judgeSteps(made.evidence)).toEqual({ graphs: 1, steps: 2, stepsAnsweredAgain: 0, broken: [] });
  expect(everyJudge(made)).toEqual([]);
});

describe('a completed graph', () => {
  it.each<[string, (made: Made) => void, string]>([
    ['a step that is missing', ({ job }) => job.steps.shift(), 'it has no step plan'],
    ['a step that was due', change('plan', { state: 'skipped' }), 'plan is skipped, not completed'],
    ['a step that was not due', change('refine-1', { state: 'completed' }), 'refine-1 is completed, not skipped'],
    ["another's answer", change('plan', { output: 'run-2/plan' }), 'plan says "run-2/plan"'],
    ['a step that costs other than its attempts', change('plan', { cost_usd: 0 }), 'plan costs 0, its attempts 3600'],
    ['a job that costs other than its steps', ({ job }) => (job.cost_usd = COST), 'its steps 7200 nano'],
    ['a step paid for twice', tellOf('plan'), 'plan is completed with 2 completed attempts'],
    ['a step that nothing was paid for', ({ job }) => job.attempts.pop(), 'critique-1 is completed with 0'],
    ['a skipped step that was paid for', tellOf('refine-1'), 'refine-1 is skipped with 1 completed attempts'],
    ['an attempt of no step', tellOf('improve-1'), 'is of improve-1'],
    ['a request of a skipped step', ask(-900, `the critique: ${MARKER}/critique-1 alpha`), 'none of its planned steps'],
    ['a step asked for after its end', ask(-500, `${MARKER}/plan `), 'critique-1 was run again 500 ms after'],
  ])('%s is told', (_, spoil, words) => {
    const made = sound();
    spoil(made);
    const { broken } = judgeSteps(made.evidence);
    expect(broken).toContainEqual(expect.stringContaining(words));
  });

  it('whose answer is not that of its last step is told', () => {
    const made = sound();
    made.job.result = { response: { choices: [{ message: { content: 'alpha' } }] } };
    expect(everyJudge(made)).toEqual([expect.stringContaining('it answered "alpha"')]);
  });

  it("has spent what was served for the very step, and not another's", () => {
    const made = sound();
    made.upstream[0].served = { input: 10, output: 3 };
    expect(judgeSpend(made.evidence).broken).toEqual(
      expect.arrayContaining([expect.stringContaining('never served what attempt 1 used')]),
    );
  });
});

describe('a step that is asked for again', () => {
  const PLAN = `chaos ${MARKER} hello`;

  it.each<[string, (made: Made) => void]>([
    ['while its worker lived', () => undefined],
    ['before anybody could know of the death', died(-3_500)],
    ['after the death of a worker that had answered long before', died(-9_000)],
  ])('%s is told', (_, happened) => {
    const made = sound();
    made.upstream.unshift(request(-5_200, PLAN));
    happened(made);
    expect(judgeSteps(made.evidence)).toMatchObject({
      stepsAnsweredAgain: 1,
      broken: [expect.stringContaining('plan was run again though the worker that ran it had not died')],
    });
  });

  it.each<[string, (made: Made) => void]>([
    ['when its worker had died with the answer', died(-5_000)],
    ['when the store was away', ({ evidence }) => evidence.timeline.storeAway.push({ from: END - 5_500, to: END })],
    ['when a fault had struck', ({ upstream }) => (upstream[0].fault = 'reset')],
  ])('%s is counted alone', (_, happened) => {
    const made = sound();
    made.upstream.unshift(request(-5_200, PLAN));
    happened(made);
    expect(judgeSteps(made.evidence)).toMatchObject({ stepsAnsweredAgain: 1, broken: [] });
  });

  it('is not taken for another that is asked meanwhile', () => {
    const made = sound();
    const messages = [{ role: 'user', content: 'chaos run-2 hello' }];
    made.upstream.push(request(-2_900, '', { body: { messages } }));
    expect(judgeSteps(made.evidence).broken).toEqual([]);
  });
});

describe('a cancelled graph', () => {
  it('has ended as it should', () => {
    const made = cancelled();
    expect(judgeEnds(made.evidence)).toMatchObject({ completed: 0, cancelled: 1, otherwise: 0 });
    expect(everyJudge(made)).toEqual([]);
  });

  it('may have an answer that its step had not read', () => {
    const made = cancelled();
    tellOf('critique-1')(made);
    change('critique-1', { cost_usd: COST })(made);
    Object.assign(made.job, { cost_usd: 2 * COST });
    expect(judgeSteps(made.evidence).broken).toEqual([]);
  });

  it.each<[string, (made: Made) => void, string]>([
    ['goes on', ask(1_500, `${MARKER}/plan `), 'critique-1 was asked for after it was cancelled'],
    [
      'keeps its connection',
      ({ upstream }) => (upstream[1].ended_at = END + 1_500),
      'connection of critique-1 was not',
    ],
    [
      'never lets go of it',
      ({ upstream }) => (upstream[1].ended_at = null),
      'connection of critique-1 was not dropped',
    ],
    ['completes all the same', ({ job }) => (job.state = 'completed'), 'was not cancelled'],
  ])('that %s is told', (_, spoil, words) => {
    const made = cancelled();
    spoil(made);
    expect(everyJudge(made)).toContainEqual(expect.stringContaining(words));
  });

  it('is not a graph that nobody cancelled', () => {
    const made = cancelled();
    const [receipt] = made.evidence.receipts;
    if (receipt) receipt.submission.cancelAfterMs = null;
    expect(judgeEnds(made.evidence).broken).toContainEqual(expect.stringContaining('was not completed: cancelled'));
  });
});

/** Another view of a step. */
function change(id: string, more: Partial<StepView>): (made: Made) => void {
  return ({ job }) => Object.assign(job.steps.find((step) => step.id === id) ?? {}, more);
}

/** One more completed attempt of a step. */
function tellOf(step: string): (made: Made) => void {
  return ({ job }) => job.attempts.push({ ...ATTEMPT, n: 2, step, error: null });
}

/** One more request. */
function ask(fromEnd: number, asked: string, more: Partial<SeenRequest> = {}): (made: Made) => void {
  return ({ upstream }) => upstream.push(request(fromEnd, asked, more));
}

/** A worker's death. */
function died(fromEnd: number): (made: Made) => void {
  return ({ evidence }) => evidence.timeline.workerDeaths.push(END + fromEnd);
}
