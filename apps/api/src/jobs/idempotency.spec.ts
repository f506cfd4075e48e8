import { describe, expect, it } from '@jest/globals';
import { idempotencyOf, parseIdempotencyKey } from './idempotency.js';

describe('the header', () => {
  it.each<[string | string[] | undefined, string | null]>([
    [undefined, null],
    ['abc', 'abc'],
    ['"abc"', 'abc'],
    ['  "abc"  ', 'abc'],
    [' abc ', 'abc'],
    ['"a"b"', 'a"b'],
    ['"abc', '"abc'],
    ['"', '"'],
    ['a b', 'a b'],
    [['a'], 'a'],
    ['k'.repeat(255), 'k'.repeat(255)],
    [`"${'k'.repeat(255)}"`, 'k'.repeat(255)],
  ])('%j', (header, key) => expect(parseIdempotencyKey(header)).toBe(key));

  it.each(['', '   ', '""', 'k'.repeat(256), `"${'k'.repeat(256)}"`])('%j is refused', (header) => {
    expect(() => parseIdempotencyKey(header)).toThrow(
      expect.objectContaining({ code: 'invalid_value', options: { param: 'Idempotency-Key' } }),
    );
  });
});

describe('what makes two requests the same', () => {
  const request = { project: 'p', route: 'jobs', body: { a: 1 } };
  const first = idempotencyOf('k', request);

  it('nothing without a key', () => expect(idempotencyOf(null, request)).toBeNull());

  it('the same project, route, key and body', () => {
    expect(idempotencyOf('k', { project: 'p', route: 'jobs', body: { a: 1 } })).toStrictEqual(first);
  });

  it.each([
    ['another project', idempotencyOf('k', { ...request, project: 'q' })],
    ['another route', idempotencyOf('k', { ...request, route: 'chat' })],
    ['another key', idempotencyOf('l', request)],
    [
      'a project and route that read the same together',
      idempotencyOf('k', { ...request, project: 'p:jobs', route: '' }),
    ],
  ])('%s is another request', (_name, other) => expect(other?.key).not.toBe(first?.key));

  it('another body has the same key and another fingerprint', () => {
    const other = idempotencyOf('k', { ...request, body: { a: 2 } });
    expect(other?.key).toBe(first?.key);
    expect(other?.fingerprint).not.toBe(first?.fingerprint);
  });

  it('neither key nor body can be read from it', () => {
    const text = JSON.stringify(idempotencyOf('secret-key', { ...request, body: { prompt: 'secret-prompt' } }));
    expect(text).not.toContain('secret');
  });
});
