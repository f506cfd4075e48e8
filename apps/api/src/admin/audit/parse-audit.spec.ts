import { expect, it } from '@jest/globals';
import { parseAudit } from './parse-audit.js';

it('asks for the first hundred of all when nothing is said', () => {
  expect(parseAudit({})).toEqual({
    ...{ actor: null, action: null, target: null, fromMs: null, toMs: null, after: 0, limit: 100 },
  });
});

it('takes a day from its beginning to its end, and times as they are', () => {
  const day = Date.parse('2026-11-22');
  expect(parseAudit({ from: '2026-11-22', to: '2026-11-22' })).toMatchObject({ fromMs: day, toMs: day + 86_399_999 });
  expect(parseAudit({ from: '2026-11-22T01:00:00+01:00' })).toMatchObject({ fromMs: day });
});

it('takes one action, or all of a kind', () => {
  expect(parseAudit({ action: 'key.rotated', after: '17', limit: '1000' })).toMatchObject({
    ...{ action: 'key.rotated', after: 17, limit: 1_000 },
  });
  expect(parseAudit({ action: 'key.*' }).action).toBe('key.*');
});

it.each([
  [{ page: '2' }, 'unknown_parameter', 'page'],
  [{ limit: '0' }, 'invalid_value', 'limit'],
  [{ limit: '1001' }, 'invalid_value', 'limit'],
  [{ after: '-1' }, 'invalid_value', 'after'],
  [{ after: '9999999999999999' }, 'invalid_value', 'after'],
  [{ after: ['1', '2'] }, 'invalid_value', 'after'],
  [{ action: 'key.%' }, 'invalid_value', 'action'],
  [{ action: '*' }, 'invalid_value', 'action'],
  [{ from: '2026-02-30' }, 'invalid_value', 'from'],
  [{ from: 'yesterday' }, 'invalid_value', 'from'],
  [{ from: '2026-11-23', to: '2026-11-22' }, 'invalid_value', 'from'],
  [{ target: 'a\u0000b' }, 'invalid_value', 'target'],
  [{ actor: 'x'.repeat(513) }, 'invalid_value', 'actor'],
])('refuses %j', (query, code, param) => {
  expect(() => parseAudit(query)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});
