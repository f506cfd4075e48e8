import { expect, it } from '@jest/globals';
import { defaultOrchestration, ORCHESTRATION_MODES } from './orchestration.js';

it('a mode alone is a whole orchestration', () => {
  const iterations = ORCHESTRATION_MODES.map((mode) => [mode, defaultOrchestration(mode).iterations]);
  expect(Object.fromEntries(iterations)).toStrictEqual({ planning: 1, adversarial: 1, vote: 1, refine: 2 });
  expect(defaultOrchestration('vote')).toStrictEqual({
    mode: 'vote',
    iterations: 1,
    voters: 3,
    primaryModelId: null,
    reviewModelId: null,
    primaryMinWeight: 0,
    reviewMinWeight: 0,
    returnPlanOnly: false,
  });
});
