import { describe, expect, it } from '@jest/globals';
import { readDefinition } from '#platform/config/read-definition.js';
import { toAlias, toModel, toProvider } from '#platform/config/resolve-config-file.js';
import type { DeclaredRegistry } from './build-snapshot.js';
import { mergeRegistry, usableRegistry, type RegistryKind, type StoredDocument } from './merge-registry.js';

const providerFile = (id: string, change: object = {}): object => ({
  ...{ id, type: 'openai', base_url: 'http://h/v1', credential: { source: 'none' } },
  ...change,
});

const declared: DeclaredRegistry = {
  providers: [toProvider(readDefinition('providers', providerFile('file')), (_, secret) => secret)],
  models: [toModel(readDefinition('models', { id: 'file-model', provider: 'file' }), 'openai')],
  aliases: [toAlias(readDefinition('aliases', { id: 'file-alias', members: [{ model: 'file-model' }] }))],
};

const stored = (kind: RegistryKind, id: string, definition: object): StoredDocument => ({
  ...{ kind, id, definition: { id, ...definition }, version: 1, createdMs: 0, updatedMs: 0 },
});

const idsOf = (documents: StoredDocument[]) => {
  const { providers, models, aliases } = usableRegistry(mergeRegistry(declared, documents));
  return [providers, models, aliases].map((items) => items.map(({ id }) => id));
};

it('what is set comes after what is declared, and may refer to it', () => {
  const documents = [
    stored('provider', 'own', providerFile('own', { type: 'anthropic' })),
    stored('model', 'a', { provider: 'own' }),
    stored('model', 'b', { provider: 'file' }),
    stored('alias', 'c', { members: [{ model: 'a' }, { model: 'file-model' }] }),
    stored('model', 'other-kind', { provider: 'file' }),
  ];
  expect(idsOf(documents)).toStrictEqual([
    ['file', 'own'],
    ['file-model', 'a', 'b', 'other-kind'],
    ['file-alias', 'c'],
  ]);
  // Defaults follow from the type of the provider that was set.
  expect(mergeRegistry(declared, documents).model.find(({ id }) => id === 'a')?.config?.kinds).toStrictEqual(['chat']);
});

it('what is declared hides what is set under its id, and says so', () => {
  const hidden = stored('model', 'file-model', { provider: 'file', weight: 9 });
  const [entry, ...others] = mergeRegistry(declared, [hidden]).model;
  expect(others).toStrictEqual([]);
  expect(entry).toMatchObject({ declared: true, stored: hidden, config: { weight: 5 } });
  expect(entry?.warnings).toStrictEqual(['The configuration declares it: what was set here before is not used.']);
});

describe('what does not fit any more is kept with a warning, and not used', () => {
  it.each<[string, RegistryKind, StoredDocument, string]>([
    ['a model of a provider that is gone', 'model', stored('model', 'x', { provider: 'gone' }), 'no provider "gone"'],
    [
      'a model with the id of an alias of the file',
      'model',
      stored('model', 'file-alias', { provider: 'file' }),
      'declares an alias "file-alias"',
    ],
    [
      'an alias with the id of a model',
      'alias',
      stored('alias', 'file-model', { members: [{ model: 'file-model' }] }),
      'a model "file-model"',
    ],
    ['an alias of nothing', 'alias', stored('alias', 'x', { members: [{ model: 'gone' }] }), 'no model "gone"'],
    ['a field of a later version', 'model', stored('model', 'x', { provider: 'file', later: 1 }), 'later: is not a'],
    ['nonsense', 'provider', stored('provider', 'x', { type: 7 }), 'not valid'],
    [
      'a secret',
      'provider',
      stored('provider', 'x', providerFile('x', { credential: { source: 'config', value: 's' } })),
      'secret is in the document',
    ],
  ])('%s', (_case, kind, document, warning) => {
    const entry = mergeRegistry(declared, [document])[kind].find(({ id, declared: is }) => id === document.id && !is);
    expect(entry?.config).toBeNull();
    expect(entry?.warnings.join(' ')).toContain(warning);
    expect(idsOf([document])).toStrictEqual([['file'], ['file-model'], ['file-alias']]);
  });

  it('of an alias only the members that are there', () => {
    const document = stored('alias', 'x', { members: [{ model: 'gone' }, { model: 'file-model', weight: 2 }] });
    const entry = mergeRegistry(declared, [document]).alias[1];
    expect(entry?.config?.members).toStrictEqual([{ model: 'file-model', weight: 2 }]);
    expect(entry?.warnings).toStrictEqual(['There is no model "gone".']);
  });
});
