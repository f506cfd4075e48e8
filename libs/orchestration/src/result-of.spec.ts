import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import type { OrchestrationSpec, Verdict } from '#contracts/orchestration.js';
import { failed, outputWith, specOf } from './fixtures/graphs.js';
import { progressOf } from './progress-of.js';
import { resultOf } from './result-of.js';
import type { StepStatus } from './step-states.js';
import { stepsOf } from './steps-of.js';

/** An upstream's own name for its model, which the answer keeps. */
const completion = (text: string): JsonObject => ({ id: 'chatcmpl-1', model: 'upstream', choices: [{ text }] });
const answer = (text: string, model = 'm'): StepStatus => ({
  state: 'completed',
  output: outputWith(text, { completion: completion(text), model }),
});
const opinion = (text: string, approved = false): StepStatus => ({
  state: 'completed',
  output: outputWith(text, { approved, model: 'critic', provider: 'other' }),
});
const verdict = (said: Verdict): StepStatus => ({
  state: 'completed',
  output: outputWith('…', { verdict: said, model: 'judge', provider: 'other' }),
});
const critic = { model: 'critic', provider: 'other' };

/** The result of a graph that progressOf calls done. */
function resultWith(change: Partial<OrchestrationSpec>, states: Record<string, StepStatus>) {
  const spec = specOf(change);
  const nodes = stepsOf(spec);
  const progress = progressOf(nodes, new Map(Object.entries(states)));
  if (progress.kind !== 'done') throw new Error(`The graph is ${progress.kind}`);
  return resultOf(spec, nodes, new Map(Object.entries(states)), progress.final);
}

describe('resultOf', () => {
  it('of planning is the plan', () => {
    expect(resultWith({ mode: 'planning' }, { answer: answer('P') })).toEqual({
      mode: 'planning',
      plan: 'P',
      response: completion('P'),
    });
  });

  it('of adversarial has every round, and the last refinement answers', () => {
    const states = {
      plan: answer('P'),
      'critique-1': opinion('C1'),
      'refine-1': answer('R1'),
      'critique-2': opinion('C2'),
      'refine-2': answer('R2'),
    };
    expect(resultWith({ iterations: 2 }, states)).toEqual({
      mode: 'adversarial',
      initial_plan: 'P',
      critique: 'C2',
      refined_plan: 'R2',
      rounds: [
        { round: 1, critique: 'C1', approved: false, critic, refined_plan: 'R1' },
        { round: 2, critique: 'C2', approved: false, critic, refined_plan: 'R2' },
      ],
      response: completion('R2'),
    });
  });

  it('of adversarial that the first critique approved has the plan as refined plan', () => {
    const states = { plan: answer('P'), 'critique-1': opinion('Fine.', true) };
    expect(resultWith({ iterations: 2 }, states)).toEqual({
      mode: 'adversarial',
      initial_plan: 'P',
      critique: 'Fine.',
      refined_plan: 'P',
      rounds: [{ round: 1, critique: 'Fine.', approved: true, critic, refined_plan: null }],
      response: completion('P'),
    });
  });

  it('of adversarial that a later critique approved has the refinement before it', () => {
    const states = {
      plan: answer('P'),
      'critique-1': opinion('C1'),
      'refine-1': answer('R1'),
      'critique-2': opinion('', true),
    };
    const result = resultWith({ iterations: 3 }, states);
    expect(result).toMatchObject({ critique: '', refined_plan: 'R1', response: completion('R1') });
    expect(result).toHaveProperty('rounds.length', 2);
  });

  it('of adversarial that ends with its plan has neither critique nor refined plan', () => {
    expect(resultWith({ returnPlanOnly: true }, { plan: answer('P') })).toEqual({
      mode: 'adversarial',
      initial_plan: 'P',
      critique: null,
      refined_plan: null,
      rounds: [],
      response: completion('P'),
    });
  });

  it('of refine has every round and who wrote the answer', () => {
    const states = { answer: answer('A'), 'review-1': opinion('V1'), 'improve-1': answer('I1', 'fallback') };
    expect(resultWith({ mode: 'refine' }, states)).toEqual({
      mode: 'refine',
      initial_response: 'A',
      refined_response: 'I1',
      iterations: 1,
      model: 'fallback',
      rounds: [{ round: 1, review: 'V1', approved: false, refined_response: 'I1' }],
      response: completion('I1'),
    });
  });

  it('of refine counts the rounds that were made, not those that were asked for', () => {
    const states = { answer: answer('A'), 'review-1': opinion('Fine.', true) };
    expect(resultWith({ mode: 'refine', iterations: 5 }, states)).toMatchObject({
      refined_response: 'A',
      iterations: 1,
      model: 'm',
      rounds: [{ round: 1, review: 'Fine.', approved: true, refined_response: null }],
      response: completion('A'),
    });
  });
});

describe('resultOf a vote', () => {
  const states = {
    'candidate-1': failed('provider_error'),
    'candidate-2': answer('two', 'm2'),
    'candidate-3': answer('three', 'm3'),
  };
  const response = (candidate: string, content: string, selected: boolean) => {
    return { candidate, model: `m${candidate.at(-1) ?? ''}`, provider: 'p', content, selected };
  };

  it('has what was answered, what failed, and the choice with its reason', () => {
    const judge = verdict({ kind: 'chosen', named: ['candidate-3'], reason: 'It is right.' });
    expect(resultWith({ mode: 'vote' }, { ...states, judge })).toEqual({
      mode: 'vote',
      responses: [response('candidate-2', 'two', false), response('candidate-3', 'three', true)],
      selected: 1,
      judge: {
        model: 'judge',
        provider: 'other',
        verdict: 'chosen',
        named: ['candidate-3'],
        reason: 'It is right.',
      },
      failed: [{ candidate: 'candidate-1', code: 'provider_error' }],
      response: completion('three'),
    });
  });

  it('selects the first by order of those that tie', () => {
    const judge = verdict({ kind: 'tie', named: ['candidate-3', 'candidate-2'], reason: 'Equal.' });
    expect(resultWith({ mode: 'vote' }, { ...states, judge })).toMatchObject({
      selected: 0,
      responses: [{ selected: true }, { selected: false }],
      judge: { verdict: 'tie', named: ['candidate-3', 'candidate-2'] },
      response: completion('two'),
    });
  });

  it('selects none when the verdict is unreadable, although the first that answered is the answer', () => {
    const judge = verdict({ kind: 'unreadable', named: [], reason: 'Hm.' });
    expect(resultWith({ mode: 'vote' }, { ...states, judge })).toMatchObject({
      selected: null,
      responses: [{ selected: false }, { selected: false }],
      judge: { verdict: 'unreadable', named: [], reason: 'Hm.' },
      response: completion('two'),
    });
  });
});
