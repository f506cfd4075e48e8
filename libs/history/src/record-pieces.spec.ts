import { expect, it } from '@jest/globals';
import { piecesOf } from './record-pieces.js';

it.each<[string, [string, number | null][], string[][]]>([
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
    'what does not wait is left out',
    [
      ['a', null],
      ['b', 10],
      ['c', null],
      ['d', 10],
    ],
    [['b', 'd']],
  ],
  [
    'one of unknown size may be large',
    [
      ['a', 10],
      ['b', 0],
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
  const [ids, sizes] = [records.map(([id]) => id), records.map(([, size]) => size)];
  expect(piecesOf(ids, sizes)).toStrictEqual(expected);
});

it('two hundred at most are read at once', () => {
  const ids = Array.from({ length: 450 }, (_, n) => String(n));
  expect(
    piecesOf(
      ids,
      ids.map(() => 1),
    ).map(({ length }) => length),
  ).toStrictEqual([200, 200, 50]);
});
