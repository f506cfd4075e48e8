import { describe, expect, it } from '@jest/globals';
import { defaultOrchestration, type OrchestrationMode, type StepOutput } from '#contracts/orchestration.js';
import { DEFAULT_POLICY, type RoutingMode } from '#contracts/policy.js';
import { orderForStep, routeOf } from './route-of.js';
import { CHAT_STEPS, stepsOf } from './steps-of.js';

const policy = { ...DEFAULT_POLICY, mode: 'cheap' as const, minWeight: 3 };
const request = { model: 'own', messages: [] };
const node = (mode: OrchestrationMode, id: string) => {
  const found = stepsOf({ ...defaultOrchestration(mode), iterations: 2 }).find((one) => one.id === id);
  if (!found) throw new RangeError(`${mode} has no ${id}`);
  return found;
};

describe('what a step asks of routing', () => {
  it('a chat whose answer is checked is routed as it is', () => {
    const [answer] = CHAT_STEPS;
    expect(answer && routeOf({ orchestration: null, policy }, answer, request)).toEqual({ model: 'own', policy });
  });

  it.each<[OrchestrationMode, string, RoutingMode, string | undefined]>([
    ['planning', 'answer', 'planning', 'own'],
    ['adversarial', 'plan', 'adversarial', 'own'],
    ['adversarial', 'critique-1', 'adversarial', undefined],
    ['adversarial', 'refine-2', 'adversarial', 'own'],
    ['vote', 'candidate-1', 'cheap', 'own'],
    ['vote', 'judge', 'high_confidence', undefined],
    ['refine', 'review-1', 'cheap', 'own'],
  ])('%s: %s is scored by the profile of %s, with the model %s', (mode, id, profile, model) => {
    const route = routeOf({ orchestration: defaultOrchestration(mode), policy }, node(mode, id), request);
    expect(route).toEqual({ model, policy: { ...policy, mode: profile } });
  });

  it('a weight of the orchestration raises the policy’s, each for its role', () => {
    const orchestration = { ...defaultOrchestration('adversarial'), primaryMinWeight: 2, reviewMinWeight: 7 };
    const weightOf = (id: string): number =>
      routeOf({ orchestration, policy }, node('adversarial', id), request).policy.minWeight;
    expect([weightOf('plan'), weightOf('critique-1'), weightOf('refine-1')]).toEqual([3, 7, 3]);
  });

  it('a model that is named comes before all weights', () => {
    const orchestration = {
      ...defaultOrchestration('adversarial'),
      ...{ primaryModelId: 'p', primaryMinWeight: 9, reviewModelId: 'r', reviewMinWeight: 9 },
    };
    const asked = ['plan', 'critique-1'].map((id) =>
      routeOf({ orchestration, policy }, node('adversarial', id), request),
    );
    expect(asked.map(({ model, policy: { minWeight } }) => [model, minWeight])).toEqual([
      ['p', 0],
      ['r', 0],
    ]);
  });
});

describe('the order of a step’s candidates', () => {
  const all = [{ model: 'a' }, { model: 'b' }, { model: 'c' }, { model: 'z', temporary: 'provider_down' }];
  const wrote = (id: string, model: string): Map<string, StepOutput> =>
    new Map([[id, { text: 't', completion: null, model, provider: 'p' }]]);
  const order = (
    mode: OrchestrationMode,
    id: string,
    outputs = new Map<string, StepOutput>(),
    reviewModelId?: string,
  ) =>
    orderForStep(node(mode, id), all, {
      spec: { ...defaultOrchestration(mode), reviewModelId: reviewModelId ?? null },
      outputs,
    })
      .map(({ model }) => model)
      .join('');

  it.each<[string, string, string]>([
    ['a critic is another than the author', order('adversarial', 'critique-1', wrote('plan', 'a')), 'bcaz'],
    ['of the draft at hand', order('adversarial', 'critique-2', wrote('refine-1', 'b')), 'acbz'],
    ['a critic that was named stays', order('adversarial', 'critique-1', wrote('plan', 'a'), 'a'), 'abcz'],
    ['who planned refines', order('adversarial', 'refine-1', wrote('plan', 'c')), 'cabz'],
    ['who answered reviews', order('refine', 'review-1', wrote('answer', 'b')), 'bacz'],
    ['and improves', order('refine', 'improve-2', wrote('answer', 'b')), 'bacz'],
    ['the first voter', order('vote', 'candidate-1'), 'abcz'],
    ['the second voter is another', order('vote', 'candidate-2'), 'bcaz'],
    ['a judge is the best there is', order('vote', 'judge'), 'abcz'],
  ])('%s', (_rule, found, expected) => {
    expect(found).toBe(expected);
  });

  it('more voters than models begin anew', () => {
    const five = stepsOf({ ...defaultOrchestration('vote'), voters: 5 });
    const firsts = five
      .filter(({ name }) => name === 'candidate')
      .map((step) => orderForStep(step, all, { spec: null, outputs: new Map() })[0]?.model);
    expect(firsts.join('')).toBe('abcab');
  });
});
