import { describe, expect, it } from '@jest/globals';
import type { Model, Provider } from '#contracts/registry-snapshot.js';
import { readDefinition } from '#platform/config/read-definition.js';
import { Registry } from '#registry/registry.js';
import { proposeModel } from './propose-model.js';

const openai = { id: 'mine', type: 'openai' } as Provider;
const vllm = { id: 'local', type: 'vllm' } as Provider;

const registry = (...models: Pick<Model, 'id' | 'provider' | 'upstreamModel'>[]): Registry =>
  new Registry({ version: 1, providers: [], models: models as Model[], aliases: [] });

const propose = (id: string, { provider = openai, contextTokens = null as number | null, known = registry() } = {}) =>
  proposeModel({ id, contextTokens }, provider, known);

describe('a proposal', () => {
  it.each(['gpt-4o', 'gpt-4o-2024-11-20'])('of %s has the price and the window that are known', (name) => {
    const { proposal, unknown } = propose(name);
    expect(proposal).toMatchObject({
      ...{ id: name, provider: 'mine', upstream_model: name, context_tokens: 128_000 },
      price: { input_per_1k: 0.0025, output_per_1k: 0.01 },
    });
    expect(unknown).toStrictEqual([]);
  });

  it('of a model that nobody knows says what is unknown, and claims nothing', () => {
    const { proposal, unknown } = propose('gpt-99');
    expect(proposal).toStrictEqual({ id: 'gpt-99', provider: 'mine', upstream_model: 'gpt-99' });
    expect(unknown).toContain('price');
    expect(unknown).toContain('context_tokens');
  });

  it('takes the window that the server tells', () => {
    const { proposal, unknown } = propose('meta/llama', { provider: vllm, contextTokens: 8_192 });
    expect(proposal).toMatchObject({ id: 'meta/llama', context_tokens: 8_192 });
    expect(unknown).not.toContain('context_tokens');
  });

  it('tells which models it is already, and takes an id that is free', () => {
    const known = registry({ id: 'gpt-99', provider: 'mine', upstreamModel: 'gpt-99' });
    expect(propose('gpt-99', { known })).toMatchObject({ registered: ['gpt-99'], proposal: { id: 'mine/gpt-99' } });
  });

  it.each(['models/odd name!', ' ', '.hidden', 'x'.repeat(500), 'ünï'])('of %j can be set as it is', (name) => {
    const { proposal } = propose(name);
    expect(() => readDefinition('models', proposal)).not.toThrow();
    expect(proposal.upstream_model).toBe(name);
  });
});
