import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { defaultOrchestration, ORCHESTRATION_MODES, type OrchestrationMode } from '#contracts/orchestration.js';
import { parseOrchestration } from './parse-orchestration.js';

it.each<[OrchestrationMode, number]>([
  ['planning', 1],
  ['adversarial', 1],
  ['vote', 1],
  ['refine', 2],
])('%s has its defaults', (mode, iterations) => {
  expect(parseOrchestration({ mode }, 'orchestration')).toStrictEqual({
    spec: {
      mode,
      iterations,
      voters: 3,
      primaryModelId: null,
      reviewModelId: null,
      primaryMinWeight: 0,
      reviewMinWeight: 0,
      returnPlanOnly: false,
    },
    iterationsGiven: false,
    schema: null,
  });
});

it('takes what the client says', () => {
  const wire = {
    mode: 'adversarial',
    iterations: 10,
    primary_model_id: 'planner',
    review_model_id: 'critic',
    primary_min_weight: 6.5,
    review_min_weight: 10,
    return_plan_only: true,
    output_schema: { type: 'object' },
  };
  expect(parseOrchestration(wire, 'orchestration')).toStrictEqual({
    spec: {
      mode: 'adversarial',
      iterations: 10,
      voters: 3,
      primaryModelId: 'planner',
      reviewModelId: 'critic',
      primaryMinWeight: 6.5,
      reviewMinWeight: 10,
      returnPlanOnly: true,
    },
    iterationsGiven: true,
    schema: { type: 'object' },
  });
});

describe.each(ORCHESTRATION_MODES)('%s', (mode) => {
  it('may spell out its defaults, as null or as they are', () => {
    const spec = defaultOrchestration(mode);
    const nulls = {
      iterations: null,
      voters: null,
      primary_model_id: null,
      review_model_id: null,
      primary_min_weight: null,
      review_min_weight: null,
      return_plan_only: null,
      output_schema: null,
    };
    const spelled = {
      ...nulls,
      iterations: spec.iterations,
      voters: 3,
      primary_min_weight: 0,
      review_min_weight: 0,
      return_plan_only: false,
    };
    for (const wire of [nulls, spelled]) {
      expect(parseOrchestration({ mode, ...wire }, 'orchestration')).toMatchObject({ spec, schema: null });
    }
  });

  it.each<[string, unknown, string]>([
    ['iterations', 0, 'invalid_value'],
    ['iterations', 11, 'invalid_value'],
    ['iterations', '2', 'invalid_type'],
    ['iterations', 1.5, 'invalid_type'],
    ['iterations', true, 'invalid_type'],
    ['voters', 1, 'invalid_value'],
    ['voters', 11, 'invalid_value'],
    ['voters', '3', 'invalid_type'],
    ['primary_min_weight', -1, 'invalid_value'],
    ['primary_min_weight', 10.5, 'invalid_value'],
    ['primary_min_weight', '6', 'invalid_type'],
    ['review_min_weight', -1, 'invalid_value'],
    ['review_min_weight', 11, 'invalid_value'],
    ['primary_model_id', '', 'invalid_value'],
    ['primary_model_id', 7, 'invalid_type'],
    ['review_model_id', 'm'.repeat(257), 'invalid_value'],
    ['return_plan_only', 'yes', 'invalid_type'],
    ['output_schema', 'object', 'invalid_type'],
    ['output_schema', [], 'invalid_type'],
    ['rounds', 2, 'unknown_parameter'],
    ['returnPlanOnly', true, 'unknown_parameter'],
  ])('refuses %s %j with %s', (field, value, code) => {
    expect(() => parseOrchestration({ mode, [field]: value }, 'tokenhub.orchestration')).toThrow(
      expect.objectContaining({
        code,
        options: expect.objectContaining({ param: `tokenhub.orchestration.${field}` }),
      }),
    );
  });
});

it.each<[unknown, string, string]>([
  [{}, 'missing_required_parameter', 'orchestration.mode'],
  [{ mode: null }, 'invalid_value', 'orchestration.mode'],
  [{ mode: '' }, 'invalid_value', 'orchestration.mode'],
  [{ mode: 'thompson' }, 'invalid_value', 'orchestration.mode'],
  [{ mode: ['vote'] }, 'invalid_value', 'orchestration.mode'],
  ['vote', 'invalid_type', 'orchestration'],
  [[], 'invalid_type', 'orchestration'],
])('%j is refused with %s', (value, code, param) => {
  expect(() => parseOrchestration(value, 'orchestration')).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});

/** Which modes take a field that is not at its default. */
const TAKEN: [string, unknown, OrchestrationMode[]][] = [
  ['iterations', 3, ['adversarial', 'refine']],
  ['voters', 4, ['vote']],
  ['primary_model_id', 'm', ['planning', 'adversarial', 'vote', 'refine']],
  ['primary_min_weight', 5, ['planning', 'adversarial', 'vote', 'refine']],
  ['review_model_id', 'm', ['adversarial', 'vote']],
  ['review_min_weight', 5, ['adversarial', 'vote']],
  ['return_plan_only', true, ['planning', 'adversarial']],
];

describe.each(TAKEN)('%s %j', (field, value, modes) => {
  it.each(ORCHESTRATION_MODES)('is taken by %s or refused by name, never ignored', (mode) => {
    const parse = (): unknown => parseOrchestration({ mode, [field]: value }, 'orchestration');
    if (modes.includes(mode)) {
      expect(parse).not.toThrow();
    } else {
      expect(parse).toThrow(
        expect.objectContaining({
          code: 'unsupported_value',
          message: expect.stringMatching(new RegExp(`^${field} .*${mode}`)) as unknown,
          options: expect.objectContaining({ param: `orchestration.${field}` }),
        }),
      );
    }
  });
});
