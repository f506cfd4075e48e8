import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { channels, KEY_PREFIX, keys, poolQueueName, prefixes } from './keys.js';

type Builder = [name: string, build: (...ids: string[]) => string];

const builders: Builder[] = [
  ...Object.entries(keys).map(([name, build]): Builder => [`keys.${name}`, build]),
  ...Object.entries(channels).map(([name, build]): Builder => [`channels.${name}`, build]),
];

const hashTag = (key: string): string | undefined => /^[^{]*\{([^}]+)\}/.exec(key)?.[1];
const odd = fc.oneof(fc.string(), fc.constantFrom('', ':', '{', '}', '{x}', 'a:b', '{th}', 'jobs', 'job:x'));

describe.each(builders)('%s', (_name, build) => {
  it('begins with the tag, so that Redis Cluster keeps it with all others', () => {
    fc.assert(
      fc.property(odd, odd, odd, (...ids) => {
        const key = build(...ids);
        expect(key.startsWith(`${KEY_PREFIX}:`)).toBe(true);
        expect(hashTag(key)).toBe('th');
      }),
    );
  });
});

it('no two builders make the same name, whatever their ids', () => {
  fc.assert(
    fc.property(odd, odd, odd, (...ids) => {
      const names = builders.map(([, build]) => build(...ids));
      expect(new Set(names).size).toBe(names.length);
    }),
  );
});

it('ids of one builder do not make the name of another', () => {
  const id = fc.constantFrom('', 'a', 'x:changes', 'jobs', 'processes', ':', 's', 'registry', 'api-1');
  fc.assert(
    fc.property(
      fc.constantFrom(...builders),
      fc.constantFrom(...builders),
      fc.array(id, { minLength: 6, maxLength: 6 }),
      (one, two, ids) => {
        fc.pre(one[0] !== two[0]);
        expect(one[1](...ids.slice(0, 3))).not.toBe(two[1](...ids.slice(3)));
      },
    ),
  );
});

it('a project cannot take an idempotency key of another, whatever colons it has', () => {
  const scope = fc.constantFrom('jobs', 'chat', 'completion', 'embedding');
  const hash = fc.constantFrom('00ff', 'ff00');
  const request = fc.tuple(fc.constantFrom('a', 'a:jobs', 'a:chat', 'a:jobs:00ff', ''), scope, hash);
  fc.assert(
    fc.property(request, request, (one, two) => {
      expect(keys.idempotency(...one) === keys.idempotency(...two)).toBe(JSON.stringify(one) === JSON.stringify(two));
    }),
  );
});

it('a prefix and an id make what the builder makes', () => {
  expect(`${prefixes.toProcess}api-1`).toBe(channels.toProcess('api-1'));
  expect(`${prefixes.presence}api-1`).toBe(keys.presence('api-1'));
});

describe('queue names', () => {
  it.each([
    'openai',
    'llama3:8b',
    'local/org/llama3:8b',
    'a%3Ab',
    '%',
    'größe 🦙',
    '{th}',
    'a.b',
    'pool.x',
    '',
    "!'()*~",
    '../..',
  ])('of %j are such that BullMQ takes them', (id) => {
    const name = poolQueueName(id);
    expect(name).toMatch(/^pool\.[^:{}/\s]*$/);
  });

  it('differ for any two pools', () => {
    const id = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(id, id, (one, two) => {
        expect(poolQueueName(one) === poolQueueName(two)).toBe(one === two);
      }),
    );
  });
});
