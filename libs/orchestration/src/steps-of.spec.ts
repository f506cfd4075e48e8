import { describe, expect, it } from '@jest/globals';
import { STEP_NAMES, type OrchestrationMode, type OrchestrationSpec } from '#contracts/orchestration.js';
import { specOf } from './fixtures/graphs.js';
import { CHAT_STEPS, isAnswering, plannedCalls, roleOf, roundOf, stepsOf } from './steps-of.js';

const drawn = (spec: OrchestrationSpec) =>
  stepsOf(spec).map(({ id, needs }) => `${id} <- ${needs.join(' ')}`.trimEnd());

describe('stepsOf', () => {
  it.each<[string, Partial<OrchestrationSpec>, string[]]>([
    ['planning', { mode: 'planning' }, ['answer <-']],
    [
      'adversarial',
      { mode: 'adversarial', iterations: 2 },
      ['plan <-', 'critique-1 <- plan', 'refine-1 <- critique-1', 'critique-2 <- refine-1', 'refine-2 <- critique-2'],
    ],
    ['adversarial that ends with its plan', { mode: 'adversarial', iterations: 2, returnPlanOnly: true }, ['plan <-']],
    [
      'vote',
      { mode: 'vote', voters: 3 },
      ['candidate-1 <-', 'candidate-2 <-', 'candidate-3 <-', 'judge <- candidate-1 candidate-2 candidate-3'],
    ],
    ['refine', { mode: 'refine', iterations: 1 }, ['answer <-', 'review-1 <- answer', 'improve-1 <- review-1']],
  ])('draws the graph of %s', (_name, change, graph) => {
    expect(drawn(specOf(change))).toEqual(graph);
  });

  it('numbers rounds and candidates from one', () => {
    const rounds = (mode: OrchestrationMode) => stepsOf(specOf({ mode, iterations: 2, voters: 2 })).map((n) => n.round);
    expect(rounds('adversarial')).toEqual([0, 1, 1, 2, 2]);
    expect(rounds('vote')).toEqual([1, 2, 1]);
    expect(rounds('refine')).toEqual([0, 1, 1, 2, 2]);
  });

  it('gives a checked chat the graph of one answer', () => {
    expect(CHAT_STEPS).toEqual(stepsOf(specOf({ mode: 'planning' })));
  });
});

it.each<[Partial<OrchestrationSpec>, number, number]>([
  [{ mode: 'planning' }, 1, 0],
  [{ mode: 'adversarial', iterations: 1 }, 2, 1],
  [{ mode: 'adversarial', iterations: 10 }, 11, 10],
  [{ mode: 'adversarial', iterations: 3, returnPlanOnly: true }, 1, 0],
  [{ mode: 'vote', voters: 5 }, 5, 1],
  [{ mode: 'refine', iterations: 2 }, 5, 0],
])('%j takes %d calls of the primary model and %d of the reviewing one', (change, primary, review) => {
  expect(plannedCalls(specOf(change))).toEqual({ primary, review });
});

it('only critics and judges are other models, and only their and the reviewers’ words never become the answer', () => {
  expect(STEP_NAMES.filter((name) => roleOf(name) === 'review')).toEqual(['critique', 'judge']);
  expect(STEP_NAMES.filter((name) => !isAnswering(name))).toEqual(['critique', 'judge', 'review']);
});

describe('roundOf', () => {
  it.each([
    ['adversarial', 'plan'],
    ['refine', 'answer'],
  ] as const)('names the steps of each round of %s', (mode, first) => {
    const drawn = stepsOf(specOf({ mode, iterations: 3 }));
    let draft: string = first;
    for (const node of drawn.slice(1)) {
      const { opinion, revision } = roundOf(node);
      expect(roundOf(node).draft).toBe(draft);
      expect([opinion, revision]).toContain(node.id);
      expect(drawn.find(({ id }) => id === opinion)?.needs).toEqual([draft]);
      expect(drawn.find(({ id }) => id === revision)?.needs).toEqual([opinion]);
      if (node.id === revision) draft = revision;
    }
  });

  it('refuses a step that is in no round of criticism', () => {
    expect(() => roundOf({ name: 'judge', round: 1 })).toThrow(RangeError);
  });
});
