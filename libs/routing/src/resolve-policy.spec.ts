import { describe, expect, it } from '@jest/globals';
import { DEFAULT_POLICY, type Policy, type WirePolicy } from '#contracts/policy.js';
import { resolvePolicy } from './resolve-policy.js';

describe('resolvePolicy', () => {
  it.each<[string, WirePolicy | null | undefined, Partial<Policy>]>([
    ['nothing', undefined, {}],
    ['null', null, {}],
    ['nulls', { mode: null, min_weight: null, models: null, fallback: null, strict: null }, {}],
    ['an empty list of models, which restricts nothing', { models: [] }, {}],
    [
      'zeros and false as they are',
      { min_weight: 0, max_budget_usd: 0, fallback: false },
      { minWeight: 0, maxBudgetUsd: 0, fallback: false },
    ],
    [
      'every field',
      {
        mode: 'cheap',
        min_weight: 6,
        max_latency_ms: 20_000,
        max_budget_usd: 0.05,
        models: ['a'],
        fallback: true,
        max_attempts: 2,
        priority: 'low',
        strict: true,
        on_content_filter: 'next',
      },
      {
        mode: 'cheap',
        minWeight: 6,
        maxLatencyMs: 20_000,
        maxBudgetUsd: 0.05,
        models: ['a'],
        fallback: true,
        maxAttempts: 2,
        priority: 'low',
        strict: true,
        onContentFilter: 'next',
      },
    ],
  ])('reads %s', (_name, wire, expected) => {
    expect(resolvePolicy(wire)).toEqual({ ...DEFAULT_POLICY, ...expected });
  });

  it("lets the client's word win over a route's default, and the route's over the general one", () => {
    expect(resolvePolicy({ priority: 'low' }, { priority: 'high', maxAttempts: 2 })).toMatchObject({
      priority: 'low',
      maxAttempts: 2,
    });
    expect(resolvePolicy({}, { priority: 'high' }).priority).toBe('high');
  });
});
