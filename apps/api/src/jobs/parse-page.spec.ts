import { describe, expect, it } from '@jest/globals';
import { parsePage, parseStartingAfter } from './parse-page.js';

const ID = 'job_018cc251f4007abc8def0123456789ab';
const CREATED = 0x018cc251f400;

describe('a page', () => {
  it.each([
    [{}, { after: null, limit: 20, filter: {} }],
    [{ limit: '1' }, { after: null, limit: 1, filter: {} }],
    [{ limit: '100' }, { after: null, limit: 100, filter: {} }],
    [{ after: ID }, { after: { id: ID, createdAt: CREATED }, limit: 20, filter: {} }],
    [
      { after: ID, limit: '7' },
      { after: { id: ID, createdAt: CREATED }, limit: 7, filter: {} },
    ],
  ])('%j', (query, page) => expect(parsePage(query)).toStrictEqual(page));

  it.each<[Record<string, unknown>, string, string]>([
    [{ limit: '0' }, 'invalid_value', 'limit'],
    [{ limit: '101' }, 'invalid_value', 'limit'],
    [{ limit: '-1' }, 'invalid_value', 'limit'],
    [{ limit: '' }, 'invalid_value', 'limit'],
    [{ limit: '1.5' }, 'invalid_value', 'limit'],
    [{ limit: '1e1' }, 'invalid_value', 'limit'],
    [{ limit: '0x10' }, 'invalid_value', 'limit'],
    [{ limit: ' 5' }, 'invalid_value', 'limit'],
    [{ limit: 'all' }, 'invalid_value', 'limit'],
    [{ limit: ['5'] }, 'invalid_value', 'limit'],
    [{ limit: { a: '5' } }, 'invalid_value', 'limit'],
    [{ after: '' }, 'invalid_value', 'after'],
    [{ after: 'job_1' }, 'invalid_value', 'after'],
    [{ after: [ID] }, 'invalid_value', 'after'],
    [{ limit: '5', order: 'asc' }, 'unknown_parameter', 'order'],
  ])('%j is refused', (query, code, param) => {
    expect(() => parsePage(query)).toThrow(expect.objectContaining({ code, options: { param } }));
  });

  it.each([
    [{ state: 'queued' }, { state: 'queued' }],
    [
      { type: 'orchestration', model: 'gpt-4o', key: 'ci' },
      { type: 'orchestration', model: 'gpt-4o', key: 'ci' },
    ],
    [{ 'metadata[run]': 'eval-7', 'metadata[a b]': '' }, { metadata: { run: 'eval-7', 'a b': '' } }],
    [
      { created_after: '2026-03-01T12:00:00.5+01:00', created_before: '2026-03-02' },
      {
        createdFrom: Date.parse('2026-03-01T11:00:00.500Z'),
        createdBefore: Date.parse('2026-03-02T00:00:00.000Z'),
      },
    ],
  ])('%j filters', (query, filter) => expect(parsePage(query)).toStrictEqual({ after: null, limit: 20, filter }));

  it.each<[Record<string, unknown>, string, string]>([
    [{ state: 'done' }, 'invalid_value', 'state'],
    [{ type: 'song' }, 'invalid_value', 'type'],
    [{ model: ['a', 'b'] }, 'invalid_value', 'model'],
    [{ metadata: 'x' }, 'unknown_parameter', 'metadata'],
    [{ 'metadata[]': 'x' }, 'unknown_parameter', 'metadata[]'],
    [{ 'metadata[a]': ['x', 'y'] }, 'invalid_value', 'metadata[a]'],
    [{ project: 'other' }, 'unknown_parameter', 'project'],
    [{ model: '\0' }, 'invalid_value', 'model'],
    [{ key: 'a\0b' }, 'invalid_value', 'key'],
    [{ 'metadata[a]': 'b\0' }, 'invalid_value', 'metadata[a]'],
    [{ 'metadata[\0]': 'b' }, 'invalid_value', 'metadata[\u{fffd}]'],
    [{ created_after: '2026-02-30' }, 'invalid_value', 'created_after'],
    [{ created_after: '2026-02-30T00:00:00Z' }, 'invalid_value', 'created_after'],
    [{ created_after: '2026-03-01T12:00:00' }, 'invalid_value', 'created_after'],
    [{ created_before: 'yesterday' }, 'invalid_value', 'created_before'],
    [{ created_before: '1772323200000' }, 'invalid_value', 'created_before'],
    [{ created_before: '' }, 'invalid_value', 'created_before'],
  ])('%j is no filter', (query, code, param) => {
    expect(() => parsePage(query)).toThrow(expect.objectContaining({ code, options: { param } }));
  });
});

describe('the event to go on from', () => {
  it.each<[unknown, number]>([
    [undefined, 0],
    ['', 0],
    ['0', 0],
    ['17', 17],
    ['999999999999999', 999_999_999_999_999],
  ])('%j', (value, seq) => expect(parseStartingAfter(value)).toBe(seq));

  it.each<[unknown]>([['-1'], ['1.0'], ['0-5'], ['x'], ['1000000000000000'], [['1']], [5], [null]])(
    '%j is refused',
    (value) => {
      expect(() => parseStartingAfter(value)).toThrow(
        expect.objectContaining({ code: 'invalid_value', options: { param: 'starting_after' } }),
      );
    },
  );
});
