import { expect, it } from '@jest/globals';
import { parseList } from './parse-list.js';

it('a page has twenty, from the first, unless it is asked for otherwise', () => {
  expect(parseList({})).toEqual({ after: null, limit: 20 });
  expect(parseList({ after: 'gpt-4o:latest/é', limit: '100' })).toEqual({ after: 'gpt-4o:latest/é', limit: 100 });
});

it.each([
  ['an id that no database can hold', { after: 'a\u0000' }, 'invalid_value', 'after'],
  ['an id that is too long', { after: 'a'.repeat(257) }, 'invalid_value', 'after'],
  ['two ids', { after: ['a', 'b'] }, 'invalid_value', 'after'],
  ['none', { limit: '0' }, 'invalid_value', 'limit'],
  ['too many', { limit: '101' }, 'invalid_value', 'limit'],
  ['half a page', { limit: '1.5' }, 'invalid_value', 'limit'],
  ['something else', { before: 'a' }, 'unknown_parameter', 'before'],
])('a page after or of %s is refused', (_what, query, code, param) => {
  expect(() => parseList(query)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});
