import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { PERMANENT_REASONS, type Decision } from '#contracts/decision.js';
import { DEFAULT_POLICY, ROUTING_MODES, type Policy } from '#contracts/policy.js';
import { CAPABILITIES, type Model, type RegistrySnapshot } from '#contracts/registry-snapshot.js';
import { ALL_OFFERED, type HealthView, type LiveViews } from '#contracts/live-views.js';
import { planRoute, type RouteOptions } from './plan-route.js';
import { indexRegistry } from './registry-index.js';
import type { RequestFeatures } from './request-features.js';

const PROVIDERS = ['p', 'q', 'r'];

const anyModel: fc.Arbitrary<Model> = fc.record({
  id: fc.constantFrom(...Array.from({ length: 30 }, (_, n) => `m${n}`)),
  provider: fc.constantFrom(...PROVIDERS, 'unknown'),
  upstreamModel: fc.constant('u'),
  weight: fc.integer({ min: 0, max: 10 }),
  enabled: fc.integer({ min: 0, max: 9 }).map((n) => n > 0),
  expectedLatencyMs: fc.integer({ min: 0, max: 5_000 }),
  contextTokens: fc.integer({ min: 100, max: 10_000 }),
  maxOutputTokens: fc.integer({ min: 1, max: 2_000 }),
  price: fc.record({
    inputNano: fc.nat(10_000),
    outputNano: fc.nat(30_000),
    cachedInputNano: fc.nat(1_000),
    cacheWriteNano: fc.nat(12_500),
  }),
  capabilities: fc.subarray([...CAPABILITIES]),
  kinds: fc.constantFrom<Model['kinds'][]>(['chat'], ['chat', 'completion'], ['embedding']),
  dropSamplingParameters: fc.boolean(),
  limits: fc.constantFrom(null, { rpm: 10 }),
});

const snapshotOf = (models: Model[]): RegistrySnapshot => ({
  version: 1,
  providers: PROVIDERS.map((id) => ({
    id,
    type: 'openai',
    endpoints: [],
    credential: { source: 'none' },
    enabled: id !== 'r',
    limits: {},
    timeouts: { connectMs: 1, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 30_000 },
  })),
  models,
  aliases: [
    { id: 'smart', members: models.slice(0, 4).map(({ id }, n) => ({ model: id, weight: n })), stickyBy: 'request' },
  ],
});

const anyFeatures: fc.Arbitrary<Omit<RequestFeatures, 'model'>> = fc.record({
  kind: fc.constantFrom('chat', 'completion', 'embedding'),
  inputTokens: fc.nat(4_000),
  longestInputTokens: fc.nat(4_000),
  requestedOutputTokens: fc.option(fc.integer({ min: 1, max: 3_000 })),
  answers: fc.integer({ min: 1, max: 3 }),
  needs: fc.subarray([...CAPABILITIES], { maxLength: 1 }),
});

const anyHealth = (...ids: string[]): fc.Arbitrary<HealthView> =>
  fc
    .dictionary(
      fc.constantFrom(...ids),
      fc.record({
        state: fc.constantFrom('up', 'degraded', 'down'),
        failureRate: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
    )
    .map((each) => new Map(Object.entries(each)));

const anyViews: fc.Arbitrary<LiveViews> = fc.record({
  health: anyHealth(...PROVIDERS),
  modelHealth: anyHealth('m0', 'm1', 'm2'),
  load: fc.record({
    pools: fc
      .dictionary(fc.constantFrom(...PROVIDERS), fc.record({ expectedWaitMs: fc.nat(60_000), paused: fc.boolean() }))
      .map((each) => new Map(Object.entries(each))),
    observedLatencyMs: fc.constant(new Map<string, number>()),
  }),
  contextTokens: fc
    .dictionary(fc.constantFrom('m0', 'm1', 'm2'), fc.integer({ min: 100, max: 10_000 }))
    .map((each) => new Map(Object.entries(each))),
  credentials: fc.constantFrom(new Map(), new Map([['q', 'vault_locked' as const]])),
  offers: fc.constant(ALL_OFFERED),
});

const anyRoute: fc.Arbitrary<RouteOptions> = fc
  .uniqueArray(anyModel, { selector: ({ id }) => id, minLength: 1, maxLength: 20 })
  .chain((models) =>
    fc
      .record({
        features: anyFeatures,
        model: fc.constantFrom(null, 'auto', 'smart', ...models.map(({ id }) => id)),
        policy: fc.record<Partial<Policy>>({
          mode: fc.constantFrom(...ROUTING_MODES),
          minWeight: fc.constantFrom(0, 3),
          maxLatencyMs: fc.constantFrom(null, 3_000),
          maxBudgetUsd: fc.constantFrom(null, 0.01),
          models: fc.option(
            fc.subarray(
              models.map(({ id }) => id),
              { minLength: 1 },
            ),
          ),
          fallback: fc.constantFrom(null, true, false),
        }),
        views: anyViews,
        allowed: fc.option(
          fc.subarray(models.map(({ id }) => id)).map((ids) => ({
            names: new Set(['smart', ...models.map(({ id }) => id)]),
            models: new Set(ids),
          })),
        ),
        exact: fc.dictionary(fc.constantFrom(...models.map(({ id }) => id)), fc.nat(8_000)),
        request: fc.string(),
      })
      .map(({ features, model, policy, views, allowed, exact, request }) => ({
        features: { ...features, model },
        policy: { ...DEFAULT_POLICY, ...policy },
        registry: indexRegistry(snapshotOf(models)),
        views,
        allowed,
        exactInputTokens: new Map(Object.entries(exact)),
        sticky: { key: 'k', request },
      })),
  );

const placeOf = (decision: Decision, id: string): number => decision.candidates.findIndex(({ model }) => model === id);

describe('planRoute, whatever it is given', () => {
  it('puts every model either among the candidates or among the excluded, exactly once', () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const { candidates, excluded } = planRoute(route);
        const named = [...candidates, ...excluded].map(({ model }) => model).sort();
        expect(named).toEqual(route.registry.models.map(({ model }) => model.id).sort());
      }),
    );
  });

  it('has no candidate with a permanent reason against it', () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        for (const candidate of planRoute(route).candidates) {
          const model = route.registry.modelsById.get(candidate.model)?.model;
          expect(model?.enabled).toBe(true);
          expect(['p', 'q']).toContain(candidate.provider);
          expect(model?.kinds).toContain(route.features.kind);
          expect(model?.capabilities).toEqual(expect.arrayContaining([...route.features.needs]));
          expect(model?.weight).toBeGreaterThanOrEqual(route.policy.minWeight);
          const window = Math.min(
            model?.contextTokens ?? 0,
            route.views.contextTokens.get(candidate.model) ?? Infinity,
          );
          const exact = route.exactInputTokens.get(candidate.model);
          expect(exact ?? route.features.longestInputTokens * 1.15).toBeLessThanOrEqual(window);
          expect(route.allowed?.models.has(candidate.model) ?? true).toBe(true);
          expect(route.policy.models?.includes(candidate.model) ?? true).toBe(true);
          if (route.policy.maxBudgetUsd !== null)
            expect(candidate.estimatedCostNano).toBeLessThanOrEqual(route.policy.maxBudgetUsd * 1e9);
        }
      }),
    );
  });

  it('puts what can be taken now before what cannot, and gives only known reasons', () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const { candidates, excluded } = planRoute(route);
        const closed = candidates.map(({ temporary }) => temporary !== undefined);
        expect(closed).toEqual([...closed].sort((a, b) => Number(a) - Number(b)));
        for (const { reason, detail } of excluded) {
          expect(PERMANENT_REASONS).toContain(reason);
          expect(detail).toMatch(/\.$/);
        }
      }),
    );
  });

  it('has at most one candidate where fallback is false', () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const { candidates } = planRoute({ ...route, policy: { ...route.policy, fallback: false } });
        expect(candidates.length).toBeLessThanOrEqual(1);
      }),
    );
  });

  it('decides the same whatever the order of registration', () => {
    fc.assert(
      fc.property(anyRoute, (route) => {
        const { models, aliasesById } = route.registry;
        const turned = { ...route.registry, models: [...models].reverse(), aliasesById };
        expect(planRoute({ ...route, registry: turned }).candidates).toEqual(planRoute(route).candidates);
      }),
    );
  });

  it('never ranks a model better for costing more', () => {
    fc.assert(
      fc.property(anyRoute, fc.nat(20), fc.integer({ min: 1, max: 50_000 }), (route, pick, dearer) => {
        const policy: Policy = { ...DEFAULT_POLICY, mode: 'cheap' };
        const features = { ...route.features, kind: 'chat' as const, model: null };
        const models = route.registry.models.map(({ model }) => model);
        const chosen = models[pick % models.length];
        if (!chosen) throw new Error('there is at least one model');
        const raised = { ...chosen, price: { ...chosen.price, inputNano: chosen.price.inputNano + dearer } };
        const before = planRoute({ ...route, policy, features });
        const registry = indexRegistry(snapshotOf(models.map((model) => (model === chosen ? raised : model))));
        const after = planRoute({ ...route, policy, features, registry });
        expect(placeOf(after, chosen.id)).toBeGreaterThanOrEqual(placeOf(before, chosen.id));
      }),
    );
  });
});
