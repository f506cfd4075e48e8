import { expect, it } from '@jest/globals';
import type { ExportedAttempt } from '#history/attempt-export.js';
import { ATTEMPT_COLUMNS } from '#history/attempt-row.js';
import { csvLines, jsonLines } from './usage-view.js';

const attempt = Object.fromEntries(ATTEMPT_COLUMNS.map((column) => [column, 1])) as ExportedAttempt;

it('CSV has its names once, and quotes what would break a line or be a formula', () => {
  const odd = { ...attempt, project: 'a,b', key: 'say "hi"', model: '=1+1', error_class: null, wasted: false };
  const [names, line, end] = csvLines([odd], { head: true }).split('\r\n');
  expect(names?.split(',')).toStrictEqual([...ATTEMPT_COLUMNS]);
  expect(line).toBe('1,1,"a,b","say ""hi""",1,"\'=1+1",1,,false,1,1,1,1,1,1,1,1,1,1,1');
  expect(end).toBe('');
  expect(csvLines([odd], { head: false })).toBe(`${line ?? ''}\r\n`);
});

it('JSONL is one object a line', () => {
  const lines = jsonLines([attempt, attempt]);
  expect(
    lines
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as unknown),
  ).toStrictEqual([attempt, attempt]);
  expect(jsonLines([])).toBe('');
});
