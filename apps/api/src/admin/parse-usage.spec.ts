import { describe, expect, it } from '@jest/globals';
import { parseExport, parseUsage } from './parse-usage.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');

describe('sums', () => {
  it.each([
    [{ group_by: 'key' }, { groupBy: 'key', period: { from: '2026-01-31', to: '2026-03-01' } }],
    [
      { group_by: 'day', from: '2024-02-29', to: '2024-02-29' },
      { groupBy: 'day', period: { from: '2024-02-29', to: '2024-02-29' } },
    ],
    [
      { group_by: 'day', to: '1970-01-02' },
      { groupBy: 'day', period: { from: '1970-01-01', to: '1970-01-02' } },
    ],
    [
      { group_by: 'model', to: '2026-01-01' },
      { groupBy: 'model', period: { from: '2025-12-03', to: '2026-01-01' } },
    ],
  ])('%j', (query, request) => expect(parseUsage(query, NOW)).toStrictEqual(request));

  it.each<[Record<string, unknown>, string, string]>([
    [{}, 'invalid_value', 'group_by'],
    [{ group_by: 'user' }, 'invalid_value', 'group_by'],
    [{ group_by: ['key', 'day'] }, 'invalid_value', 'group_by'],
    [{ group_by: 'key', from: '2026-02-30' }, 'invalid_value', 'from'],
    [{ group_by: 'key', from: '2026-2-3' }, 'invalid_value', 'from'],
    [{ group_by: 'key', to: 'now' }, 'invalid_value', 'to'],
    [{ group_by: 'key', from: '2026-03-02' }, 'invalid_value', 'from'],
    [{ group_by: 'key', from: '0000-01-01' }, 'invalid_value', 'from'],
    [{ group_by: 'key', from: '1969-12-31' }, 'invalid_value', 'from'],
    [{ group_by: 'key', to: '0001-01-01' }, 'invalid_value', 'to'],
    [{ group_by: 'key', project: 'default' }, 'unknown_parameter', 'project'],
  ])('%j is refused', (query, code, param) => {
    expect(() => parseUsage(query, NOW)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});

describe('an export', () => {
  it.each([
    [{}, { format: 'jsonl', period: { from: null, to: null }, after: null, limit: 1_000 }],
    [
      { format: 'csv', from: '2026-03-01', to: '2026-03-01', after: '0', limit: '5' },
      { format: 'csv', period: { from: '2026-03-01', to: '2026-03-01' }, after: 0, limit: 5 },
    ],
    [
      { to: '2024-02-29', after: '9007' },
      { format: 'jsonl', period: { from: null, to: '2024-02-29' }, after: 9_007, limit: 1_000 },
    ],
  ])('%j', (query, request) => expect(parseExport(query)).toStrictEqual(request));

  it.each<[Record<string, unknown>, string, string]>([
    [{ format: 'xml' }, 'invalid_value', 'format'],
    [{ limit: '0' }, 'invalid_value', 'limit'],
    [{ limit: '10001' }, 'invalid_value', 'limit'],
    [{ after: 'bogus' }, 'invalid_value', 'after'],
    [{ after: '' }, 'invalid_value', 'after'],
    [{ after: '-1' }, 'invalid_value', 'after'],
    [{ from: '2026-02-30' }, 'invalid_value', 'from'],
    [{ from: '0000-01-01' }, 'invalid_value', 'from'],
    [{ to: '1969-12-31' }, 'invalid_value', 'to'],
    [{ from: '2026-03-02', to: '2026-03-01' }, 'invalid_value', 'from'],
    [{ group_by: 'key' }, 'unknown_parameter', 'group_by'],
  ])('%j is refused', (query, code, param) => {
    expect(() => parseExport(query)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});
