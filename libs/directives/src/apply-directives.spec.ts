import { describe, expect, it } from '@jest/globals';
import { defaultOrchestration, type OrchestrationSpec, type OutputSpec } from '#contracts/orchestration.js';
import { DEFAULT_POLICY, type Policy } from '#contracts/policy.js';
import { applyDirectives, type Asked } from './apply-directives.js';
import type { Directives } from './directives.js';

const NOTHING: Asked = { policy: DEFAULT_POLICY, orchestration: null, output: null };
const refusal = (key: string): unknown =>
  expect.objectContaining({ code: 'invalid_value', options: { param: `@@tokenhub.${key}` } });

it('without directives everything stays as it was asked for', () => {
  const asked: Asked = {
    policy: { ...DEFAULT_POLICY, mode: 'cheap', maxBudgetUsd: 0 },
    orchestration: defaultOrchestration('vote'),
    output: { format: 'json', schema: { type: 'object' }, stripThink: false },
  };
  expect(applyDirectives({}, asked)).toStrictEqual({ ...asked, includeDecision: false });
});

describe('policy', () => {
  it.each<[Directives, Partial<Policy>, Partial<Policy>]>([
    [{ budget: 1 }, {}, { maxBudgetUsd: 1 }],
    [{ budget: 1 }, { maxBudgetUsd: 2 }, { maxBudgetUsd: 1 }],
    [{ budget: 3 }, { maxBudgetUsd: 2 }, { maxBudgetUsd: 2 }],
    [{ budget: 3 }, { maxBudgetUsd: 0 }, { maxBudgetUsd: 0 }],
    [{ latency: 5 }, {}, { maxLatencyMs: 5 }],
    [{ latency: 5 }, { maxLatencyMs: 4 }, { maxLatencyMs: 4 }],
    [{ latency: 5 }, { maxLatencyMs: 6 }, { maxLatencyMs: 5 }],
    [{ min_weight: 5 }, {}, { minWeight: 5 }],
    [{ min_weight: 5 }, { minWeight: 6 }, { minWeight: 6 }],
    [{ min_weight: 0 }, { minWeight: 6 }, { minWeight: 6 }],
    [{ mode: 'cheap' }, { mode: 'high_confidence' }, { mode: 'cheap' }],
    [{ mode: 'normal' }, { mode: 'cheap' }, { mode: 'normal' }],
    [{ mode: 'vote' }, { mode: 'cheap' }, { mode: 'cheap' }],
  ])('%j with %j', (directives, own, policy) => {
    expect(applyDirectives(directives, { ...NOTHING, policy: { ...DEFAULT_POLICY, ...own } }).policy).toStrictEqual({
      ...DEFAULT_POLICY,
      ...policy,
    });
  });
});

describe('orchestration', () => {
  const adversarial = defaultOrchestration('adversarial');

  it.each(['planning', 'adversarial', 'vote', 'refine'] as const)('mode=%s makes the request one', (mode) => {
    expect(applyDirectives({ mode }, NOTHING).orchestration).toStrictEqual(defaultOrchestration(mode));
  });

  it.each<[string, Directives, Partial<OrchestrationSpec>, Partial<OrchestrationSpec>]>([
    ['the same mode', { mode: 'adversarial' }, {}, {}],
    ['a mode of scores', { mode: 'cheap' }, {}, {}],
    ['fewer iterations', { iterations: 2 }, { iterations: 3 }, { iterations: 2 }],
    ['not more iterations', { iterations: 4 }, { iterations: 3 }, { iterations: 3 }],
    ['model ids', { primary_model_id: 'a', review_model_id: 'b' }, {}, { primaryModelId: 'a', reviewModelId: 'b' }],
    ['the same model id', { primary_model_id: 'a' }, { primaryModelId: 'a' }, { primaryModelId: 'a' }],
    [
      'higher weights',
      { primary_min_weight: 5, review_min_weight: 6 },
      { reviewMinWeight: 7 },
      { primaryMinWeight: 5, reviewMinWeight: 7 },
    ],
    ['the plan only', { return_plan_only: true }, {}, { returnPlanOnly: true }],
    ['the plan only, as before', { return_plan_only: false }, { returnPlanOnly: true }, { returnPlanOnly: true }],
    ['what is so anyway', { iterations: 1, return_plan_only: false }, { mode: 'vote' }, { mode: 'vote' }],
  ])('of the request’s own: %s', (_what, directives, own, changed) => {
    const asked = { ...NOTHING, orchestration: { ...adversarial, ...own } };
    expect(applyDirectives(directives, asked).orchestration).toStrictEqual({ ...adversarial, ...own, ...changed });
  });

  it('iterations count as they are where the request names none', () => {
    expect(applyDirectives({ mode: 'refine', iterations: 7 }, NOTHING).orchestration?.iterations).toBe(7);
    expect(applyDirectives({ mode: 'refine', iterations: 1 }, NOTHING).orchestration?.iterations).toBe(1);
    const asked = { ...NOTHING, orchestration: adversarial, iterationsGiven: false };
    expect(applyDirectives({ iterations: 7 }, asked).orchestration?.iterations).toBe(7);
  });

  it.each<[Directives, string]>([
    [{ iterations: 2 }, 'iterations'],
    [{ mode: 'cheap', return_plan_only: false }, 'return_plan_only'],
    [{ primary_model_id: 'a' }, 'primary_model_id'],
    [{ review_model_id: 'a' }, 'review_model_id'],
    [{ primary_min_weight: 0 }, 'primary_min_weight'],
    [{ review_min_weight: 0 }, 'review_min_weight'],
  ])('%j without one is refused', (directives, key) => {
    expect(() => applyDirectives(directives, NOTHING)).toThrow(refusal(key));
  });

  it.each<[Directives, string]>([
    [{ mode: 'vote' }, 'mode'],
    [{ primary_model_id: 'b' }, 'primary_model_id'],
    [{ review_model_id: 'b' }, 'review_model_id'],
  ])('%j against the request’s own is refused', (directives, key) => {
    const own = { ...adversarial, primaryModelId: 'a', reviewModelId: 'a' };
    expect(() => applyDirectives(directives, { ...NOTHING, orchestration: own })).toThrow(refusal(key));
  });

  it.each<[Directives, string]>([
    [{ mode: 'planning', iterations: 2 }, 'iterations'],
    [{ mode: 'vote', iterations: 2 }, 'iterations'],
    [{ mode: 'refine', review_model_id: 'a' }, 'review_model_id'],
    [{ mode: 'planning', review_min_weight: 1 }, 'review_min_weight'],
    [{ mode: 'vote', return_plan_only: true }, 'return_plan_only'],
  ])('%j asks for what the mode does not have', (directives, key) => {
    expect(() => applyDirectives(directives, NOTHING)).toThrow(refusal(key));
  });
});

describe('output', () => {
  const SCHEMA = { type: 'object' };
  const json: OutputSpec = { format: 'json', schema: SCHEMA, stripThink: false };
  const bare: OutputSpec = { format: null, schema: null, stripThink: false };

  it.each<[string, Directives, OutputSpec | null, OutputSpec]>([
    ['a format', { output_format: 'xml' }, null, { format: 'xml', schema: null, stripThink: false }],
    ['a schema means JSON', { output_schema: SCHEMA }, null, { format: 'json', schema: SCHEMA, stripThink: false }],
    [
      'both',
      { output_schema: SCHEMA, output_format: 'json' },
      null,
      { format: 'json', schema: SCHEMA, stripThink: false },
    ],
    ['beside the request’s own', { output_format: 'text' }, bare, { ...bare, format: 'text' }],
    ['a schema beside its own format', { output_schema: SCHEMA }, { ...bare, format: 'json' }, json],
    ['the same as its own', { output_schema: { type: 'object' }, output_format: 'json' }, json, json],
    ['a format for its own schema', { output_format: 'json' }, { ...bare, schema: SCHEMA }, json],
  ])('%s', (_what, directives, own, output) => {
    expect(applyDirectives(directives, { ...NOTHING, output: own }).output).toStrictEqual(output);
  });

  it.each<[string, Directives, OutputSpec | null, string]>([
    ['another format', { output_format: 'text' }, { ...bare, format: 'xml' }, 'output_format'],
    ['another schema', { output_schema: { type: 'array' } }, json, 'output_schema'],
    ['a schema and another format', { output_schema: SCHEMA, output_format: 'text' }, null, 'output_format'],
    ['a format against its own schema', { output_format: 'text' }, json, 'output_format'],
    ['a schema against its own format', { output_schema: SCHEMA }, { ...bare, format: 'text' }, 'output_schema'],
  ])('%s is refused', (_what, directives, own, key) => {
    expect(() => applyDirectives(directives, { ...NOTHING, output: own })).toThrow(refusal(key));
  });

  it('the request’s own schema is stripped, because it is forwarded', () => {
    const schema = { description: 'a @@tokenhub mode=cheap' };
    expect(applyDirectives({}, { ...NOTHING, output: { ...json, schema } }).output?.schema).toStrictEqual({
      description: 'a ',
    });
  });
});

it('include_decision is handed on', () => {
  expect(applyDirectives({ include_decision: true }, NOTHING).includeDecision).toBe(true);
  expect(applyDirectives({ include_decision: false }, NOTHING).includeDecision).toBe(false);
});
