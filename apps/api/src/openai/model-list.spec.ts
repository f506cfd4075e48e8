import { expect, it } from '@jest/globals';
import type { Alias, Model, Provider } from '#contracts/registry-snapshot.js';
import type { LiveRegistry } from '#registry/live-registry.js';
import { Registry } from '#registry/registry.js';
import { ModelList } from './model-list.js';

const provider = (id: string, enabled = true): Provider => ({ id, enabled }) as Provider;
const model = (id: string, from: string, enabled = true): Model =>
  ({ id, provider: from, enabled, contextTokens: 8_000, limits: null }) as Model;
const alias = (id: string): Alias => ({ id, members: [], stickyBy: 'key' });

const live = {
  current: new Registry({
    version: 1,
    providers: [provider('on'), provider('off', false)],
    models: [
      model('org/big', 'on'),
      model('small', 'on'),
      model('retired', 'on', false),
      model('away', 'off'),
      model('orphan', 'nobody'),
    ],
    aliases: [alias('smart')],
  }),
};
const list = new ModelList(live as LiveRegistry);
const ANYONE = { allowedModels: null };

it('models of enabled providers and aliases are listed in OpenAI’s form', () => {
  const created = expect.any(Number);
  expect(list.list(ANYONE)).toStrictEqual({
    object: 'list',
    data: [
      { id: 'org/big', object: 'model', created, owned_by: 'on', context_length: 8_000, max_model_len: 8_000 },
      { id: 'small', object: 'model', created, owned_by: 'on', context_length: 8_000, max_model_len: 8_000 },
      { id: 'smart', object: 'model', created, owned_by: 'tokenhub' },
    ],
  });
});

it('created is in seconds and stays the same', () => {
  const { created } = list.read('small', ANYONE) as { created: number };
  expect(Number.isInteger(created)).toBe(true);
  expect(Math.abs(Date.now() / 1_000 - created)).toBeLessThan(60);
});

it.each(['org/big', 'smart'])('%s can be read by itself', (id) =>
  expect(list.read(id, ANYONE)).toMatchObject({ id, object: 'model' }),
);

it.each(['retired', 'away', 'orphan', 'auto', ''])('%j is not found', (id) => {
  expect(() => list.read(id, ANYONE)).toThrow(
    expect.objectContaining({ code: 'model_not_found', options: { param: 'model' } }),
  );
});

it('a mistyped one is hinted at', () => {
  expect(() => list.read('smal', ANYONE)).toThrow("The model 'smal' does not exist. Known models: small, smart.");
  expect(() => list.read('something else', ANYONE)).toThrow("The model 'something else' does not exist.");
});

it('a new version of the registry shows at once', () => {
  const changing = { current: Registry.empty() };
  const listed = new ModelList(changing as LiveRegistry);
  expect(listed.list(ANYONE)).toStrictEqual({ object: 'list', data: [] });
  changing.current = live.current;
  expect(listed.read('small', ANYONE)).toMatchObject({ id: 'small' });
});

it('a key that may use some sees and reads no other', () => {
  const principal = { allowedModels: ['small', 'smart', 'retired', 'gone'] };
  expect(list.list(principal)).toMatchObject({ data: [{ id: 'small' }, { id: 'smart' }] });
  expect(list.read('smart', principal)).toMatchObject({ id: 'smart' });
  expect(() => list.read('org/big', principal)).toThrow("The model 'org/big' does not exist.");
  expect(() => list.read('smal', principal)).toThrow('Known models: small, smart.');
});
