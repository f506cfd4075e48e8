import { expect, it } from '@jest/globals';
import { piecesOf, type EndedEntry } from './record-pieces.js';

const endOf = (job: string, bytes: number | undefined): EndedEntry => ({
  job,
  ended: { state: 'completed', ...(bytes !== undefined && { bytes }) },
});

it.each<[string, [string, number | undefined][], string[][]]>([
  ['nothing', [], []],
  [
    'small ones go together',
    [
      ['a', 10],
      ['b', 10],
    ],
    [['a', 'b']],
  ],
  [
    'a large one goes alone',
    [
      ['a', 10],
      ['b', 9_000_000],
      ['c', 10],
    ],
    [['a'], ['b'], ['c']],
  ],
  [
    'one of unknown size may be large',
    [
      ['a', 10],
      ['b', undefined],
      ['c', 10],
    ],
    [['a'], ['b'], ['c']],
  ],
  [
    'a million bytes together',
    [
      ['a', 600_000],
      ['b', 400_000],
      ['c', 1],
    ],
    [['a', 'b'], ['c']],
  ],
])('%s', (_name, records, expected) => {
  expect(piecesOf(records.map(([job, bytes]) => endOf(job, bytes)))).toStrictEqual(expected);
});

it('two hundred at most are read at once', () => {
  const entries = Array.from({ length: 450 }, (_, n) => endOf(String(n), 1));
  expect(piecesOf(entries).map(({ length }) => length)).toStrictEqual([200, 200, 50]);
});
