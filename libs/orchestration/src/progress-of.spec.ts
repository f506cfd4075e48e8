import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  ORCHESTRATION_MODES,
  type OrchestrationSpec,
  type StepNode,
  type StepOutput,
  type Verdict,
} from '#contracts/orchestration.js';
import { completed, failed, PENDING, publicError, RUNNING, specOf } from './fixtures/graphs.js';
import { progressOf, type Progress } from './progress-of.js';
import { hasEnded, type StepStates, type StepStatus } from './step-states.js';
import { isAnswering, stepsOf } from './steps-of.js';

type Row = [name: string, states: Record<string, StepStatus>, progress: Progress];

const statesOf = (states: Record<string, StepStatus>): StepStates => new Map(Object.entries(states));
const open = (...steps: string[]): Progress => ({ kind: 'open', steps });
const running: Progress = { kind: 'running' };
const done = (final: string, ...skipped: string[]): Progress => ({ kind: 'done', final, skipped });
const failedWith = (step: string, code: string, ...skipped: string[]): Progress => {
  return { kind: 'failed', step, error: publicError(code), skipped };
};
const voteFailed = (message: string, ...skipped: string[]): Progress => {
  return { kind: 'failed', step: null, error: { ...publicError('vote_failed'), message }, skipped };
};
const verdict = (kind: Verdict['kind'], ...named: string[]): Partial<StepOutput> => {
  return { verdict: { kind, named, reason: '' } };
};
const rows = (change: Partial<OrchestrationSpec>, table: Row[]) => {
  const nodes = stepsOf(specOf(change));
  it.each<Row>(table)('%s', (_name, states, progress) => {
    expect(progressOf(nodes, statesOf(states))).toEqual(progress);
  });
};
const ok = completed();

describe('planning', () => {
  rows({ mode: 'planning' }, [
    ['opens its answer', {}, open('answer')],
    ['waits for it', { answer: RUNNING }, running],
    ['is done with it', { answer: ok }, done('answer')],
    ['fails with it', { answer: failed('provider_error') }, failedWith('answer', 'provider_error')],
  ]);
});

describe('adversarial', () => {
  const plan = { plan: ok };
  const first = { ...plan, 'critique-1': completed({ approved: false }), 'refine-1': ok };
  const approved = completed({ approved: true });
  rows({ mode: 'adversarial', iterations: 2 }, [
    ['begins with the plan alone', { plan: PENDING }, open('plan')],
    ['opens nothing while the plan is written', { plan: RUNNING }, running],
    ['has the plan criticised', plan, open('critique-1')],
    ['refines after a critique', { ...plan, 'critique-1': completed() }, open('refine-1')],
    ['criticises again', first, open('critique-2')],
    ['is done with the last refinement', { ...first, 'critique-2': completed(), 'refine-2': ok }, done('refine-2')],
    [
      'is done with the plan that the first critique approved',
      { ...plan, 'critique-1': approved },
      done('plan', 'refine-1', 'critique-2', 'refine-2'),
    ],
    [
      'is done with the refinement that a later critique approved',
      { ...first, 'critique-2': approved },
      done('refine-1', 'refine-2'),
    ],
    [
      'says the same once the rest is written down as skipped',
      { ...first, 'critique-2': approved, 'refine-2': { state: 'skipped', output: null } },
      done('refine-1', 'refine-2'),
    ],
    [
      'fails with its plan',
      { plan: failed('no_eligible_model') },
      failedWith('plan', 'no_eligible_model', 'critique-1', 'refine-1', 'critique-2', 'refine-2'),
    ],
    [
      'fails with a critique',
      { ...first, 'critique-2': failed('provider_error') },
      failedWith('critique-2', 'provider_error', 'refine-2'),
    ],
    [
      'fails with the last refinement',
      { ...first, 'critique-2': completed(), 'refine-2': failed('budget_exceeded') },
      failedWith('refine-2', 'budget_exceeded'),
    ],
    [
      'explains a failure that nobody explained',
      { plan: { state: 'failed', output: null } },
      {
        ...failedWith('plan', '', 'critique-1', 'refine-1', 'critique-2', 'refine-2'),
        error: { ...publicError('internal_error'), message: 'Something went wrong on our side' },
      } as Progress,
    ],
  ]);
});

describe('adversarial that ends with its plan', () => {
  rows({ mode: 'adversarial', returnPlanOnly: true }, [
    ['opens the plan', {}, open('plan')],
    ['is done with it', { plan: ok }, done('plan')],
  ]);
});

describe('refine', () => {
  const first = { answer: ok, 'review-1': completed() };
  rows({ mode: 'refine', iterations: 1 }, [
    ['begins with the answer', {}, open('answer')],
    ['reviews it', { answer: ok }, open('review-1')],
    ['improves it', first, open('improve-1')],
    ['is done with the improvement', { ...first, 'improve-1': ok }, done('improve-1')],
    [
      'is done with the answer that its review approved',
      { answer: ok, 'review-1': completed({ approved: true }) },
      done('answer', 'improve-1'),
    ],
    [
      'fails with its review',
      { answer: ok, 'review-1': failed('job_expired') },
      failedWith('review-1', 'job_expired', 'improve-1'),
    ],
  ]);
});

describe('vote', () => {
  const [one, two, three] = ['candidate-1', 'candidate-2', 'candidate-3'] as const;
  const all = { [one]: ok, [two]: ok, [three]: ok };
  const bad = failed('provider_error');
  rows({ mode: 'vote', voters: 3 }, [
    ['opens all candidates at once', {}, open(one, two, three)],
    ['opens those that a crash left unopened', { [one]: RUNNING, [two]: ok }, open(three)],
    ['waits for the last candidate', { ...all, [three]: RUNNING }, running],
    ['waits for the last candidate although the vote is lost', { [one]: bad, [two]: bad, [three]: RUNNING }, running],
    ['judges when all answered', all, open('judge')],
    ['judges when two of three answered', { ...all, [two]: bad }, open('judge')],
    ['waits for the judge', { ...all, judge: RUNNING }, running],
    ['is done with the chosen one', { ...all, judge: completed(verdict('chosen', two)) }, done(two)],
    ['takes the first by order of those that tie', { ...all, judge: completed(verdict('tie', three, two)) }, done(two)],
    [
      'takes the first that answered when the verdict is unreadable',
      { ...all, [one]: bad, judge: completed(verdict('unreadable')) },
      done(two),
    ],
    ['takes the first that answered when there is no verdict', { ...all, judge: ok }, done(one)],
    [
      'never takes one that failed, whatever the verdict says',
      { ...all, [one]: bad, judge: completed(verdict('chosen', one)) },
      done(two),
    ],
    ['fails with its judge', { ...all, judge: bad }, failedWith('judge', 'provider_error')],
    [
      'fails when one answered',
      { [one]: bad, [two]: ok, [three]: failed('content_filtered') },
      voteFailed(
        '1 of 3 candidates answered, and a vote needs 2; candidate-1 failed with provider_error; candidate-3 failed with content_filtered',
        'judge',
      ),
    ],
    [
      'fails when none answered',
      { [one]: bad, [two]: bad, [three]: bad },
      voteFailed(
        `0 of 3 candidates answered, and a vote needs 2; ${[one, two, three].map((id) => `${id} failed with provider_error`).join('; ')}`,
        'judge',
      ),
    ],
  ]);
});

describe('a graph that is driven by progressOf', () => {
  const anySpec = fc
    .record({
      mode: fc.constantFrom(...ORCHESTRATION_MODES),
      iterations: fc.integer({ min: 1, max: 4 }),
      voters: fc.integer({ min: 2, max: 5 }),
      returnPlanOnly: fc.boolean(),
    })
    .map(specOf);
  const anyTurn = fc.record({
    which: fc.nat(),
    fails: fc.integer({ min: 0, max: 5 }).map((drawn) => drawn === 0),
    approves: fc.boolean(),
    named: fc.subarray(['candidate-1', 'candidate-2', 'candidate-3', 'candidate-4', 'candidate-5']),
    /** Of the steps that may be opened, how many a worker opens before it is killed. */
    opened: fc.integer({ min: 1, max: 5 }),
  });
  type Turn = typeof anyTurn extends fc.Arbitrary<infer Drawn> ? Drawn : never;

  const nodeOf = (nodes: readonly StepNode[], id: string): StepNode => {
    const node = nodes.find((each) => each.id === id);
    if (!node) throw new Error(`There is no ${id}`);
    return node;
  };

  const endOf = ({ name }: StepNode, turn: Turn): StepStatus => {
    if (turn.fails) return failed('provider_error');
    if (name === 'critique' || name === 'review') return completed({ approved: turn.approves });
    if (name !== 'judge') return completed();
    if (turn.named.length === 0) return completed(verdict('unreadable'));
    return completed(verdict(turn.named.length === 1 ? 'chosen' : 'tie', ...turn.named));
  };

  function drive(nodes: StepNode[], turns: Iterator<Turn>): { states: Map<string, StepStatus>; end: Progress } {
    const states = new Map<string, StepStatus>();
    for (let looks = 0; looks <= 3 * nodes.length; looks++) {
      const turn = turns.next().value as Turn;
      const progress = progressOf(nodes, states);
      if (progress.kind === 'done' || progress.kind === 'failed') return { states, end: progress };
      if (progress.kind === 'open') {
        for (const id of progress.steps.slice(0, turn.opened)) {
          expect(states.has(id)).toBe(false);
          expect(nodeOf(nodes, id).needs.filter((need) => !hasEnded(states, need))).toEqual([]);
          states.set(id, RUNNING);
        }
      }
      const inProgress = nodes.filter(({ id }) => states.get(id) === RUNNING);
      const ending = inProgress[turn.which % inProgress.length];
      if (!ending) throw new Error('Nothing runs and nothing can begin');
      states.set(ending.id, endOf(ending, turn));
    }
    throw new Error('The graph never ended');
  }

  it('ends whatever its steps do, opens each once and after its needs, and forgets none', () => {
    fc.assert(
      fc.property(anySpec, fc.infiniteStream(anyTurn), (spec, turns) => {
        const nodes = stepsOf(spec);
        const { states, end } = drive(nodes, turns);
        if (end.kind !== 'done' && end.kind !== 'failed') throw new Error(`It ended as ${end.kind}`);
        const ended = [...states].filter(([id]) => hasEnded(states, id)).map(([id]) => id);
        expect([...ended, ...end.skipped].sort()).toEqual(nodes.map(({ id }) => id).sort());
        if (end.kind === 'done') {
          expect(states.get(end.final)?.state).toBe('completed');
          expect(isAnswering(nodeOf(nodes, end.final).name)).toBe(true);
        }
        for (const id of end.skipped) states.set(id, { state: 'skipped', output: null });
        expect(progressOf(nodes, states)).toEqual(end);
      }),
      { seed: 5, numRuns: 1_000 },
    );
  });

  it('is failed exactly when a step that nothing can replace failed, or fewer than two candidates answered', () => {
    fc.assert(
      fc.property(anySpec, fc.infiniteStream(anyTurn), (spec, turns) => {
        const nodes = stepsOf(spec);
        const { states, end } = drive(nodes, turns);
        const inState = (state: string, candidates: boolean) =>
          nodes.filter((n) => (n.name === 'candidate') === candidates && states.get(n.id)?.state === state).length;
        const voteLost = spec.mode === 'vote' && inState('completed', true) < 2;
        expect(end.kind === 'failed').toBe(inState('failed', false) > 0 || voteLost);
      }),
      { seed: 6, numRuns: 1_000 },
    );
  });
});
