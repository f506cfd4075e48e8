import { describe, expect, it } from '@jest/globals';
import type { AliasConfig, ModelConfig, ProviderConfig } from '#platform/config/config.js';
import type { ProcessReport } from '#platform/process-identity.js';
import type { MergedRegistry, RegistryEntry } from '#registry/merge-registry.js';
import { readinessOf } from './readiness.js';

const entry = <C>(id: string, config: object | null): RegistryEntry<C> => ({
  ...{ id, declared: false, stored: null, warnings: [] },
  config: config as C | null,
});

const credential = { source: 'env', name: 'KEY' };
const merged = (change: object = {}): MergedRegistry => ({
  provider: [entry<ProviderConfig>('p', { id: 'p', enabled: true, credential, ...change })],
  model: [
    entry<ModelConfig>('m', { id: 'm', provider: 'p', enabled: true }),
    entry<ModelConfig>('off', { id: 'off', provider: 'p', enabled: false }),
    entry<ModelConfig>('unused', null),
  ],
  alias: [entry<AliasConfig>('a', { id: 'a', members: [{ model: 'off' }, { model: 'm' }] })],
});

const worker = (...credentials: string[]): ProcessReport => ({ role: 'worker', startedAt: 0, credentials });

function readyBy(workers: { running: number; informed: ProcessReport[] }, registry = merged()) {
  const readiness = readinessOf(registry, workers);
  return {
    provider: registry.provider.map((one) => readiness('provider', one)),
    models: registry.model.map((one) => readiness('model', one).ready),
    alias: registry.alias.map((one) => readiness('alias', one).ready),
  };
}

describe('what is ready', () => {
  it.each<[string, ProcessReport[], number, boolean | null, string[]]>([
    ['is what a worker can call', [worker('p')], 1, true, []],
    ['is not known before a worker has told', [], 2, null, []],
    ['is nothing where no worker runs', [], 0, false, ['No worker runs.']],
    [
      'is not what no worker has the secret of',
      [worker(), worker('other')],
      2,
      false,
      ['No worker has the variable KEY that should hold its secret.'],
    ],
    [
      'is what some workers can call, with a warning of the others',
      [worker('p'), worker()],
      2,
      true,
      ['1 of 2 workers lack the variable KEY that should hold its secret.'],
    ],
  ])('%s', (_case, informed, running, ready, warnings) => {
    const found = readyBy({ running, informed });
    expect(found.provider).toStrictEqual([{ ready, warnings }]);
    expect(found.models).toStrictEqual([ready, false, false]);
    expect(found.alias).toStrictEqual([ready]);
  });

  it('is nothing of a provider that is disabled', () => {
    const found = readyBy({ running: 1, informed: [worker('p')] }, merged({ enabled: false }));
    expect([found.provider[0]?.ready, found.models[0], found.alias[0]]).toStrictEqual([false, false, false]);
  });
});
