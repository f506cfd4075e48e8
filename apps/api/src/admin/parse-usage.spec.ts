import { describe, expect, it } from '@jest/globals';
import { cursorText, parseExport, parseUsage } from './parse-usage.js';

const NOW = Date.parse('2026-03-01T12:00:00Z');

describe('sums', () => {
  it.each([
    [{ group_by: 'key' }, { groupBy: 'key', period: { from: '2026-01-31', to: '2026-03-01' } }],
    [
      { group_by: 'day', from: '2024-02-29', to: '2024-02-29' },
      { groupBy: 'day', period: { from: '2024-02-29', to: '2024-02-29' } },
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
    [{ group_by: 'key', project: 'default' }, 'unknown_parameter', 'project'],
  ])('%j is refused', (query, code, param) => {
    expect(() => parseUsage(query, NOW)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});

describe('an export', () => {
  it('has a day from its first to its last millisecond, and goes on from its own cursor', () => {
    const cursor = { endedMs: 1_772_323_200_123, id: 'job_0-answer.1' };
    const query = { format: 'csv', from: '2026-03-01', to: '2026-03-01', after: cursorText(cursor), limit: '5' };
    expect(parseExport(query, NOW)).toStrictEqual({
      ...{ format: 'csv', after: cursor, limit: 5 },
      fromMs: Date.parse('2026-03-01T00:00:00.000Z'),
      toMs: Date.parse('2026-03-02T00:00:00.000Z'),
    });
  });

  it.each<[Record<string, unknown>, string, string]>([
    [{ format: 'xml' }, 'invalid_value', 'format'],
    [{ limit: '0' }, 'invalid_value', 'limit'],
    [{ limit: '10001' }, 'invalid_value', 'limit'],
    [{ after: 'bogus' }, 'invalid_value', 'after'],
    [{ after: '' }, 'invalid_value', 'after'],
    [{ group_by: 'key' }, 'unknown_parameter', 'group_by'],
  ])('%j is refused', (query, code, param) => {
    expect(() => parseExport(query, NOW)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});
