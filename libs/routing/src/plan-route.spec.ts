import { describe, expect, it } from '@jest/globals';
import type { Decision } from '#contracts/decision.js';
import { DEFAULT_POLICY, type Policy, type RoutingMode } from '#contracts/policy.js';
import type { Alias, Model, Provider } from '#contracts/registry-snapshot.js';
import {
  ALL_CREDENTIALS,
  ALL_OFFERED,
  UNKNOWN_CONTEXTS,
  UNKNOWN_HEALTH,
  UNKNOWN_LOAD,
  type LiveViews,
} from '#contracts/live-views.js';
import { noEligibleModel } from './no-eligible-model.js';
import { planRoute, type RouteOptions } from './plan-route.js';
import { indexRegistry } from './registry-index.js';
import type { RequestFeatures } from './request-features.js';

const NO_LIMITS = { connectMs: 1, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 30_000 };
const provider = (id: string, change: Partial<Provider> = {}): Provider => ({
  id,
  type: 'openai',
  endpoints: ['http://127.0.0.1/v1'],
  credential: { source: 'none' },
  enabled: true,
  limits: {},
  timeouts: NO_LIMITS,
  ...change,
});
const model = (id: string, change: Partial<Model> = {}): Model => ({
  id,
  provider: 'p',
  upstreamModel: id,
  weight: 5,
  enabled: true,
  expectedLatencyMs: 1_000,
  contextTokens: 8_000,
  maxOutputTokens: 1_000,
  price: { inputNano: 1_000, outputNano: 2_000, cachedInputNano: 100, cacheWriteNano: 1_250 },
  capabilities: ['tools', 'vision', 'json_schema', 'streaming'],
  kinds: ['chat'],
  dropSamplingParameters: false,
  limits: null,
  ...change,
});
const price = (inputNano: number) => ({ inputNano, outputNano: 0, cachedInputNano: 0, cacheWriteNano: 0 });

interface Scene {
  models: Model[];
  providers?: Provider[];
  aliases?: Alias[];
  features?: Partial<RequestFeatures>;
  policy?: Partial<Policy>;
  views?: Partial<LiveViews>;
  options?: Partial<RouteOptions>;
}

function plan(scene: Scene): Decision {
  const providers = scene.providers ?? [provider('p'), provider('q')];
  return planRoute({
    features: {
      kind: 'chat',
      model: null,
      inputTokens: 100,
      longestInputTokens: scene.features?.inputTokens ?? 100,
      requestedOutputTokens: null,
      answers: 1,
      needs: [],
      ...scene.features,
    },
    policy: { ...DEFAULT_POLICY, ...scene.policy },
    registry: indexRegistry({ version: 1, providers, models: scene.models, aliases: scene.aliases ?? [] }),
    views: {
      health: UNKNOWN_HEALTH,
      modelHealth: UNKNOWN_HEALTH,
      load: UNKNOWN_LOAD,
      credentials: ALL_CREDENTIALS,
      contextTokens: UNKNOWN_CONTEXTS,
      offers: ALL_OFFERED,
      ...scene.views,
    },
    exactInputTokens: new Map(),
    allowed: null,
    sticky: { key: 'key_1', request: 'job_1' },
    ...scene.options,
  });
}

const keyFor = (...models: string[]) => ({ names: new Set(models), models: new Set(models) });

const ids = (decision: Decision): string[] => decision.candidates.map((candidate) => candidate.model);
const reasons = (decision: Decision) => Object.fromEntries(decision.excluded.map((each) => [each.model, each.reason]));

describe('permanent exclusions', () => {
  it.each<[string, Scene, string, string]>([
    ['a disabled model', { models: [model('a', { enabled: false })] }, 'disabled', 'The model is disabled.'],
    [
      "a disabled provider's model",
      { models: [model('a')], providers: [provider('p', { enabled: false })] },
      'disabled',
      'Its provider p is disabled.',
    ],
    [
      "an unknown provider's model",
      { models: [model('a', { provider: 'z' })] },
      'disabled',
      'Its provider z is not registered.',
    ],
    [
      'a model that the key may not use',
      { models: [model('a')], options: { allowed: keyFor('b') } },
      'not_allowed',
      'It is not allowed for this key.',
    ],
    [
      'a model of another kind',
      { models: [model('a', { kinds: ['embedding'] })] },
      'kind',
      'The request is a chat, and the model serves embedding.',
    ],
    [
      'a model without a needed capability',
      { models: [model('a', { capabilities: ['tools'] })], features: { needs: ['tools', 'vision', 'streaming'] } },
      'capability',
      'The request needs vision, streaming, which the model lacks.',
    ],
    [
      'a limit of the provider that the request alone is beyond, as the provider counts',
      {
        models: [model('a')],
        providers: [provider('p', { limits: { tpm: 500 } })],
        features: { requestedOutputTokens: 501 },
      },
      'limit',
      'The request counts 501 tokens at once, and its tpm limit is 500.',
    ],
    [
      "a limit of the model's own",
      { models: [model('a', { limits: { tpm: 99 } })] },
      'limit',
      'The request counts 100 tokens at once, and its tpm limit is 99.',
    ],
    [
      'a limit on output where it is counted apart',
      { models: [model('a')], providers: [provider('p', { type: 'anthropic', limits: { otpm: 400, itpm: 100 } })] },
      'limit',
      'The request counts 512 tokens at once, and its otpm limit is 400.',
    ],
    [
      'a window that is too small',
      { models: [model('a', { contextTokens: 8_000 })], features: { inputTokens: 6_445 } },
      'context',
      '6445 input and 512 output tokens need 8001 with 15 % headroom, and the context is 8000.',
    ],
    [
      "a window of its servers' that is too small",
      { models: [model('a')], views: { contextTokens: new Map([['a', 700]]) } },
      'context',
      '100 input and 512 output tokens need 704 with 15 % headroom, and its servers have a context of 700 (8000 is configured).',
    ],
    [
      'a window that is too small for the exact count',
      { models: [model('a')], options: { exactInputTokens: new Map([['a', 7_489]]) } },
      'context',
      "7489 input tokens by its server's count and 512 output tokens need 8001, and the context is 8000.",
    ],
    [
      'too little weight',
      { models: [model('a')], policy: { minWeight: 5.5 } },
      'weight',
      'Its weight is 5, and min_weight is 5.5.',
    ],
    [
      'too dear an estimate',
      { models: [model('a')], policy: { maxBudgetUsd: 0.001123999 } },
      'budget',
      'The estimated cost is 0.001124 USD, and max_budget_usd is 0.001123999.',
    ],
    [
      'too long an expectation with its wait',
      {
        models: [model('a')],
        policy: { maxLatencyMs: 1_499 },
        views: {
          load: { pools: new Map([['p', { expectedWaitMs: 500, paused: false }]]), observedLatencyMs: new Map() },
        },
      },
      'latency',
      '1000 ms of latency and 500 ms of wait are expected, and max_latency_ms is 1499.',
    ],
  ])('leaves out %s and says so with the figures', (_name, scene, reason, detail) => {
    const decision = plan(scene);
    expect(decision.candidates).toEqual([]);
    expect(decision.excluded).toEqual([{ model: 'a', reason, detail }]);
  });

  it.each<[string, Scene]>([
    [
      'its window to the last token',
      { models: [model('a', { contextTokens: 1_150, maxOutputTokens: 500 })], features: { inputTokens: 500 } },
    ],
    [
      'its window as configured where its servers have more',
      { models: [model('a')], views: { contextTokens: new Map([['a', 9_000]]) } },
    ],
    [
      'its window by an exact count, which needs no headroom',
      {
        models: [model('a')],
        features: { inputTokens: 9_000 },
        options: { exactInputTokens: new Map([['a', 7_488]]) },
      },
    ],
    ['exactly the budget', { models: [model('a')], policy: { maxBudgetUsd: 0.001124 } }],
    ['exactly the latency', { models: [model('a')], policy: { maxLatencyMs: 1_000 } }],
    ['exactly the weight', { models: [model('a')], policy: { minWeight: 5 } }],
    ['a bound on output above its own', { models: [model('a')], features: { requestedOutputTokens: 1_000_000 } }],
    [
      'a list of inputs that each fit',
      { models: [model('a')], features: { inputTokens: 900_000, longestInputTokens: 400 } },
    ],
  ])('keeps a model that takes %s', (_name, scene) => {
    expect(ids(plan(scene))).toEqual(['a']);
  });

  it('estimates by the bound asked for, clamped to the model, and for every answer', () => {
    const scene = (requestedOutputTokens: number | null, answers: number) =>
      plan({ models: [model('a')], features: { requestedOutputTokens, answers } });
    expect(scene(null, 1)).toMatchObject({
      inputTokens: 100,
      outputTokens: 512,
      candidates: [{ estimatedCostNano: 1_124_000 }],
    });
    expect(scene(50, 1)).toMatchObject({ outputTokens: 50, candidates: [{ estimatedCostNano: 200_000 }] });
    expect(scene(5_000, 1)).toMatchObject({ outputTokens: 1_000, candidates: [{ estimatedCostNano: 2_100_000 }] });
    expect(scene(50, 3)).toMatchObject({ outputTokens: 150, candidates: [{ estimatedCostNano: 400_000 }] });
  });
});

describe('the score', () => {
  const models = [
    model('small', { price: price(100), expectedLatencyMs: 2_000, weight: 4, provider: 'p' }),
    model('large', { price: price(1_000), expectedLatencyMs: 1_000, weight: 8, provider: 'q' }),
  ];
  const views = {
    health: new Map([
      ['p', { state: 'up' as const, failureRate: 0.1 }],
      ['q', { state: 'up' as const, failureRate: 0.05 }],
    ]),
  };

  // By hand: cost .1 and 1, latency 1 and .5, failure 1 and .5, weight .5 and 1, times the mode's coefficients.
  it.each<[RoutingMode, string[], number[]]>([
    ['cheap', ['small', 'large'], [0.22, 0.7]],
    ['normal', ['large', 'small'], [0.25, 0.4]],
    ['high_confidence', ['large', 'small'], [-0.525, -0.095]],
    ['planning', ['large', 'small'], [-0.35, 0.01]],
    ['adversarial', ['large', 'small'], [-0.35, 0.01]],
  ])('orders by the coefficients of mode %s', (mode, order, scores) => {
    const decision = plan({ models, views, policy: { mode } });
    expect(ids(decision)).toEqual(order);
    for (const [place, score] of scores.entries()) expect(decision.candidates[place]?.score).toBeCloseTo(score, 10);
  });

  it('shows each term and says why the first is the first', () => {
    const decision = plan({ models, views, policy: { mode: 'cheap' } });
    expect(decision.reason).toBe('small has the best score (0.220) of 2 eligible models in mode cheap.');
    const terms = decision.candidates[0]?.terms;
    expect(terms?.cost).toBeCloseTo(0.07);
    expect(terms?.latency).toBeCloseTo(0.1);
    expect(terms?.failure).toBeCloseTo(0.1);
    expect(terms?.weight).toBeCloseTo(0.05);
  });

  it('takes the observed latency and the wait in the pool over the expectation', () => {
    const load = {
      pools: new Map([['q/far', { expectedWaitMs: 3_000, paused: false }]]),
      observedLatencyMs: new Map([['near', 5_000]]),
    };
    const far = model('far', { provider: 'q', limits: { rpm: 1 }, expectedLatencyMs: 1_000 });
    const decision = plan({ models: [model('near'), far], views: { load } });
    expect(decision.candidates.map(({ model: id, pool, terms }) => [id, pool, terms.latency])).toEqual([
      ['far', 'q/far', 0.2],
      ['near', 'p', 0.25],
    ]);
  });

  it('counts a term as nothing where the largest is nothing', () => {
    const free = plan({ models: [model('a', { price: price(0), weight: 0, expectedLatencyMs: 0 })] });
    expect(free.candidates[0]).toMatchObject({ score: 0, terms: { cost: 0, latency: 0, failure: 0, weight: 0 } });
  });

  it('breaks ties by model id, whatever the order of registration', () => {
    expect(ids(plan({ models: [model('c'), model('a'), model('b')] }))).toEqual(['a', 'b', 'c']);
  });
});

describe('temporary reasons', () => {
  const models = [model('best', { price: price(1) }), model('other', { provider: 'q', price: price(1_000) })];
  it.each<[string, Partial<LiveViews>]>([
    ['provider_down', { health: new Map([['p', { state: 'down', failureRate: 0 }]]) }],
    [
      'pool_paused',
      { load: { pools: new Map([['p', { expectedWaitMs: 0, paused: true }]]), observedLatencyMs: new Map() } },
    ],
    ['vault_locked', { credentials: new Map([['p', 'vault_locked']]) }],
    ['credential_missing', { credentials: new Map([['p', 'credential_missing']]) }],
  ])('puts a model last for %s and keeps it as a candidate', (temporary, views) => {
    const decision = plan({ models, views });
    expect(ids(decision)).toEqual(['other', 'best']);
    expect(decision.candidates[0]).not.toHaveProperty('temporary');
    expect(decision.candidates[1]).toMatchObject({ temporary });
  });

  it('does not put a degraded provider last', () => {
    expect(ids(plan({ models, views: { health: new Map([['p', { state: 'degraded', failureRate: 0 }]]) } }))[0]).toBe(
      'best',
    );
  });

  it("does not let a paused pool's wait drown the differences between the open ones", () => {
    const load = { pools: new Map([['q', { expectedWaitMs: 999_000, paused: true }]]), observedLatencyMs: new Map() };
    const decision = plan({
      models: [model('slow', { expectedLatencyMs: 2_000 }), model('fast'), model('paused', { provider: 'q' })],
      views: { load },
    });
    expect(ids(decision)).toEqual(['fast', 'slow', 'paused']);
    expect(decision.candidates[1]?.terms.latency).toBe(0.25);
  });

  it('says when even the first cannot be taken at this moment', () => {
    const decision = plan({ models: [model('a')], views: { credentials: new Map([['p', 'vault_locked']]) } });
    expect(decision.reason).toBe(
      'a has the best score (0.250) of 1 eligible model in mode normal, though it cannot be taken at this moment (vault_locked).',
    );
  });
});

describe('an exact count', () => {
  const models = [model('a', { price: price(1) }), model('b', { price: price(2) })];

  it('decides for its model alone, and the decision names it', () => {
    const exactInputTokens = new Map([['b', 7_000]]);
    const decision = plan({ models, features: { inputTokens: 7_500 }, options: { exactInputTokens } });
    expect(ids(decision)).toEqual(['b']);
    expect(reasons(decision)).toEqual({ a: 'context' });
    expect(decision.reason).toMatch(/^b has the best score .*\. The server of b counts 7000 input tokens\.$/);
    expect(decision.inputTokens).toBe(7_500);
  });
});

describe('what model and policy.models ask for', () => {
  const models = [model('a', { price: price(3) }), model('b', { price: price(2) }), model('c', { price: price(1) })];
  const down = { health: new Map([['q', { state: 'down' as const, failureRate: 1 }]]) };

  it.each<[string, Scene['features'], Scene['policy'], string[]]>([
    ['nothing named is routed', {}, {}, ['c', 'b', 'a']],
    ['auto is routed', { model: 'auto' }, {}, ['c', 'b', 'a']],
    ['* is routed', { model: '*' }, {}, ['c', 'b', 'a']],
    ['a routed request without fallback keeps the best', {}, { fallback: false }, ['c']],
    ['a model id means that model', { model: 'a' }, {}, ['a']],
    ['a model id with fallback comes first', { model: 'a' }, { fallback: true }, ['a', 'c', 'b']],
    ['policy.models restricts and orders', {}, { models: ['a', 'b'] }, ['a', 'b']],
    ['policy.models without fallback keeps its first', {}, { models: ['b', 'a'], fallback: false }, ['b']],
    ['a name given twice keeps its first place', {}, { models: ['b', 'a', 'b'] }, ['b', 'a']],
    [
      'a model id comes before the order of policy.models',
      { model: 'b' },
      { models: ['a', 'b'], fallback: true },
      ['b', 'a'],
    ],
    ['a model id outside policy.models is not taken', { model: 'c' }, { models: ['a'] }, []],
  ])('%s', (_name, features, policy, expected) => {
    const decision = plan({ models, features, policy });
    expect(ids(decision)).toEqual(expected);
    expect(reasons(decision)).toEqual(
      Object.fromEntries(['a', 'b', 'c'].filter((id) => !expected.includes(id)).map((id) => [id, 'not_requested'])),
    );
  });

  it('keeps the pinned model that the client put first even when it must be waited for', () => {
    const scene = { models: [model('a', { provider: 'q' }), model('b')], views: down };
    expect(ids(plan({ ...scene, policy: { models: ['a', 'b'], fallback: false } }))).toEqual(['a']);
    expect(ids(plan({ ...scene, policy: { models: ['a', 'b'] } }))).toEqual(['b', 'a']);
    expect(ids(plan({ ...scene, policy: { fallback: false } }))).toEqual(['b']);
  });

  it('says why the model that was asked for is not the first', () => {
    const scene = {
      models: [model('a', { provider: 'q', contextTokens: 1 }), model('b')],
      features: { model: 'a' },
      policy: { fallback: true },
    };
    expect(plan(scene).reason).toBe(
      'b has the best score (0.250) of 1 eligible model in mode normal, because a is out (context).',
    );
    expect(plan({ ...scene, features: { model: 'b' } }).reason).toBe('b is the model that was asked for.');
  });

  it.each<[Scene['features'], Scene['policy'], string, string]>([
    [{ model: 'gpt-4' }, {}, 'model', 'There is no model or alias "gpt-4"; did you mean gpt-4o, gpt-4o-mini?'],
    [{ model: 'GPT-40' }, {}, 'model', 'There is no model or alias "GPT-40"; did you mean gpt-4o?'],
    [{ model: 'smrt' }, {}, 'model', 'There is no model or alias "smrt"; did you mean smart?'],
    [{ model: 'x'.repeat(5_000) }, {}, 'model', `There is no model or alias "${'x'.repeat(100)}".`],
    [{}, { models: ['gpt-4o', 'gpt-5'] }, 'policy.models', 'There is no model or alias "gpt-5"; did you mean gpt-4o?'],
  ])('refuses the unknown name of %j %j with the nearest known ones', (features, policy, param, message) => {
    const aliases: Alias[] = [{ id: 'smart', members: [], stickyBy: 'key' }];
    const scene = { models: [model('gpt-4o'), model('gpt-4o-mini')], aliases, features, policy };
    expect(() => plan(scene)).toThrow(
      expect.objectContaining({ code: 'model_not_found', message, options: { param } }),
    );
  });
});

describe('an alias', () => {
  const models = ['a', 'b', 'c', 'd'].map((id) => model(id, { provider: id === 'a' ? 'q' : 'p' }));
  const alias: Alias = {
    id: 'smart',
    members: [
      { model: 'a', weight: 3 },
      { model: 'b', weight: 1 },
      { model: 'c', weight: 0 },
    ],
    stickyBy: 'key',
  };
  const drawFor = (key: string, change: Partial<Scene> = {}) =>
    plan({
      models,
      aliases: [alias],
      features: { model: 'smart' },
      options: { sticky: { key, request: 'job_1' } },
      ...change,
    });
  const keys = Array.from({ length: 4_000 }, (_, n) => `key_${n}`);

  it('never takes a model that is not its member', () => {
    for (const key of keys.slice(0, 50)) {
      const decision = drawFor(key, { policy: { fallback: true } });
      expect(ids(decision).sort()).toEqual(['a', 'b', 'c']);
      expect(reasons(decision)).toEqual({ d: 'not_requested' });
      expect(decision.reason).toMatch(/^[ab] was drawn for the alias smart\.$/);
    }
  });

  it('draws its members by weight and sticks to the draw of a key', () => {
    const drawn = keys.map((key) => ids(drawFor(key))[0]);
    const share = drawn.filter((id) => id === 'a').length / drawn.length;
    expect(share).toBeGreaterThan(0.72);
    expect(share).toBeLessThan(0.78);
    expect(drawn).not.toContain('c');
    expect(keys.map((key) => ids(drawFor(key))[0])).toEqual(drawn);
  });

  it('draws anew for each request where it sticks to requests', () => {
    const drawn = keys.slice(0, 100).map(
      (request) =>
        ids(
          plan({
            models,
            aliases: [{ ...alias, stickyBy: 'request' }],
            features: { model: 'smart' },
            options: { sticky: { key: 'k', request } },
          }),
        )[0],
    );
    expect(new Set(drawn)).toEqual(new Set(['a', 'b']));
  });

  it('moves only the keys of a member that drops out', () => {
    const without = models.map((each) => (each.id === 'b' ? { ...each, enabled: false } : each));
    for (const key of keys.slice(0, 200)) {
      if (ids(drawFor(key))[0] === 'a') expect(ids(drawFor(key, { models: without }))[0]).toBe('a');
    }
  });

  it('pins the member drawn where fallback is false, also when it must be waited for', () => {
    const key = keys.find((each) => ids(drawFor(each))[0] === 'a') ?? '';
    const views = { health: new Map([['q', { state: 'down' as const, failureRate: 1 }]]) };
    expect(ids(drawFor(key, { policy: { fallback: false }, views }))).toEqual(['a']);
    expect(drawFor(key, { views }).reason).toMatch(/^b has the best score .*, because a is out \(provider_down\)\.$/);
  });
});

describe('noEligibleModel', () => {
  it('names the size when only the size stood in the way', () => {
    const decision = plan({ models: [model('a', { contextTokens: 10 }), model('b')], features: { model: 'a' } });
    expect(noEligibleModel(decision)).toMatchObject({
      code: 'context_length_exceeded',
      message:
        'No model can take this request. a: 100 input and 512 output tokens need 704 with 15 % headroom, and the context is 10.',
      options: { param: 'messages', extensions: { excluded: [{ model: 'a', reason: 'context' }] } },
    });
  });

  it('lists the reasons of the models that were asked for', () => {
    const many = Array.from({ length: 7 }, (_, n) => model(`m${n}`, { enabled: n > 0, kinds: [] }));
    const error = noEligibleModel(plan({ models: many }));
    expect(error.code).toBe('no_eligible_model');
    expect(error.message).toMatch(/m0: The model is disabled\. m1: .* And 2 more\.$/);
    expect(error.options.extensions?.excluded).toHaveLength(7);
  });
});
