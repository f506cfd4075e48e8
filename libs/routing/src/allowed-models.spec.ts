import { describe, expect, it } from '@jest/globals';
import type { Decision } from '#contracts/decision.js';
import { ALL_CREDENTIALS, ALL_OFFERED, UNKNOWN_CONTEXTS, UNKNOWN_HEALTH, UNKNOWN_LOAD } from '#contracts/live-views.js';
import { DEFAULT_POLICY, type Policy } from '#contracts/policy.js';
import type { Alias, Model, Provider } from '#contracts/registry-snapshot.js';
import { allowedModels } from './allowed-models.js';
import { noEligibleModel } from './no-eligible-model.js';
import { planRoute } from './plan-route.js';
import { indexRegistry } from './registry-index.js';

const provider: Provider = {
  ...{ id: 'p', type: 'openai', endpoints: ['http://127.0.0.1/v1'], credential: { source: 'none' } },
  ...{ enabled: true, limits: {} },
  timeouts: { connectMs: 1, firstTokenMs: 1, idleMs: 1, answerMs: 1, coolDownMs: 1 },
};
const model = (id: string, change: Partial<Model> = {}): Model => ({
  ...{ id, provider: 'p', upstreamModel: id, weight: 5, enabled: true, expectedLatencyMs: 1, limits: null },
  ...{ contextTokens: 8_000, maxOutputTokens: 1_000, dropSamplingParameters: false },
  price: { inputNano: 1, outputNano: 1, cachedInputNano: 1, cacheWriteNano: 1 },
  ...{ capabilities: [], kinds: ['chat'] },
  ...change,
});

interface Asked {
  model?: string;
  policy?: Partial<Policy>;
}

function plan(models: Model[], list: string[] | null, { model: name, policy }: Asked = {}): Decision {
  const registry = indexRegistry({ version: 1, providers: [provider], models, aliases });
  const load = { health: UNKNOWN_HEALTH, modelHealth: UNKNOWN_HEALTH, load: UNKNOWN_LOAD };
  return planRoute({
    features: {
      ...{ kind: 'chat', model: name ?? null, inputTokens: 100, longestInputTokens: 100 },
      ...{ requestedOutputTokens: null, answers: 1, needs: [] },
    },
    policy: { ...DEFAULT_POLICY, ...policy },
    registry,
    views: { ...load, credentials: ALL_CREDENTIALS, offers: ALL_OFFERED, contextTokens: UNKNOWN_CONTEXTS },
    exactInputTokens: new Map(),
    allowed: allowedModels(list, registry),
    sticky: { key: 'key_1', request: 'job_1' },
  });
}

const ids = (decision: Decision): string[] => decision.candidates.map((candidate) => candidate.model);
const reasons = (decision: Decision) => Object.fromEntries(decision.excluded.map((each) => [each.model, each.reason]));

const aliases: Alias[] = [
  { id: 'smart', members: [{ model: 'b', weight: 1 }], stickyBy: 'key' },
  { id: 'other', members: [{ model: 'a', weight: 1 }], stickyBy: 'key' },
];
const models = ['a', 'b', 'c'].map((id) => model(id));

describe('a key that may use some models', () => {
  it.each<[string, string[], Asked, string[]]>([
    ['a model that it may name', ['a'], { model: 'a' }, ['a']],
    ['an alias that it may name, with its members', ['smart'], { model: 'smart' }, ['b']],
    ['only what is allowed when routed', ['a', 'smart'], {}, ['a', 'b']],
    ['only what is allowed to fall back to', ['a', 'b'], { model: 'b', policy: { fallback: true } }, ['b', 'a']],
    ['nothing when its list is empty', [], {}, []],
    ['nothing of what no longer exists', ['gone'], {}, []],
  ])('gets %s', (_what, list, asked, expected) => {
    const decision = plan(models, list, asked);
    expect(ids(decision)).toEqual(expected);
    const rest = models.map(({ id }) => id).filter((id) => !list.includes(id) && !expected.includes(id));
    for (const id of rest) expect(reasons(decision)[id]).toBe('not_allowed');
  });

  it.each<[string, string[], Asked, string]>([
    ['a model', ['a'], { model: 'b' }, '"b"'],
    ['a member of an alias that it may name', ['smart'], { model: 'b' }, '"b"'],
    ['an alias of models that it may use', ['a'], { model: 'other' }, '"other"'],
    ['a model in policy.models', ['a'], { policy: { models: ['a', 'c'] } }, '"c"'],
    ['a model that does not exist', ['a'], { model: 'z' }, '"z"'],
  ])('is told in the same words that there is no such name: %s', (_what, list, asked, name) => {
    const failure = () => plan(models, list, asked);
    expect(failure).toThrow(expect.objectContaining({ code: 'model_not_found' }));
    expect(failure).toThrow(`There is no model or alias ${name} that this key may use`);
  });

  it('is hinted only at what it may name', () => {
    const known = ['gpt-mini', 'gpt-mint', 'gpt-main'].map((id) => model(id));
    expect(() => plan(known, ['gpt-mini'], { model: 'gpt-min' })).toThrow(/key may use; did you mean gpt-mini\?$/);
    expect(() => plan(known, null, { model: 'gpt-min' })).toThrow(/"gpt-min"; did you mean .*gpt-mint/);
  });

  it('does not hear of the others when nothing fits, disabled ones included', () => {
    const all = [...models, model('d', { enabled: false })];
    const error = noEligibleModel(plan(all, ['a'], { policy: { minWeight: 10 } }));
    expect(error.message).toBe(
      'No model can take this request. a: Its weight is 5, and min_weight is 10. 3 are not allowed for this key.',
    );
    expect(error.options.extensions?.excluded).toMatchObject([{ model: 'a' }]);
  });
});
