import { expect, it } from '@jest/globals';
import { parseDeliveries } from './parse-deliveries.js';

it('without a query the newest twenty are meant', () => {
  expect(parseDeliveries({})).toEqual({ after: null, limit: 20, filter: {} });
});

it('state, times, place and number are read', () => {
  const query = {
    state: 'dead',
    created_after: '2026-11-22',
    created_before: '2026-11-22T08:00:00Z',
    after: 'evt_1.a',
  };
  expect(parseDeliveries({ ...query, limit: '7' })).toEqual({
    ...{ after: 'evt_1.a', limit: 7 },
    filter: { status: 'dead', createdFrom: Date.UTC(2026, 10, 22), createdBefore: Date.UTC(2026, 10, 22, 8) },
  });
});

it.each<[string, Record<string, unknown>, string, string]>([
  ['a state that is none', { state: 'failed' }, 'invalid_value', 'state'],
  ['two states', { state: ['dead', 'pending'] }, 'invalid_value', 'state'],
  ['a time that is none', { created_after: 'yesterday' }, 'invalid_value', 'created_after'],
  ['a day that is none', { created_before: '2026-02-30' }, 'invalid_value', 'created_before'],
  ['two times', { created_after: ['2026-01-01', '2026-01-02'] }, 'invalid_value', 'created_after'],
  ['a page of nothing', { limit: '0' }, 'invalid_value', 'limit'],
  ['a page beyond all', { limit: '101' }, 'invalid_value', 'limit'],
  ['an endless place', { after: 'x'.repeat(257) }, 'invalid_value', 'after'],
  ['an unknown filter', { job: 'job_1' }, 'unknown_parameter', 'job'],
  ['a prototype', { ['__proto__x']: '1' }, 'unknown_parameter', '__proto__x'],
])('%s is refused by name', (_case, query, code, param) => {
  expect(() => parseDeliveries(query)).toThrow(expect.objectContaining({ code, options: { param } }));
});
