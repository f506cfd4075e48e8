import { describe, expect, it } from '@jest/globals';
import { parsePrefer, parseWait } from './prefer.js';

describe('Prefer', () => {
  it.each<[string | string[] | undefined, number | null, boolean]>([
    [undefined, null, false],
    ['', null, false],
    ['wait=5', 5, false],
    ['wait=60', 60, false],
    ['wait=61', 60, false],
    ['wait=99999999999999999999', 60, false],
    ['wait=0', 1, false],
    ['WAIT = 7', 7, false],
    ['wait="7"', 7, false],
    ['wait=7; foo=bar', 7, false],
    ['foo=bar, wait=7;x, respond-async', 7, true],
    ['wait=3, wait=9', 3, false],
    ['respond-async', null, true],
    ['Respond-Async, wait=10', 10, true],
    [['respond-async', 'wait=4'], 4, true],
    ['wait', null, false],
    ['wait=', null, false],
    ['wait=soon', null, false],
    ['wait=-5', null, false],
    ['wait=1.5', null, false],
    ['waiting=5', null, false],
    ['respond-asynchronously', null, false],
    ['return=minimal', null, false],
  ])('%j', (header, waitS, respondAsync) => expect(parsePrefer(header)).toStrictEqual({ waitS, respondAsync }));
});

describe('?wait', () => {
  it.each<[unknown, number | null]>([
    [undefined, null],
    ['1', 1],
    ['60', 60],
  ])('%j', (value, seconds) => expect(parseWait(value)).toBe(seconds));

  it.each<[unknown]>([['0'], ['61'], [''], ['1.5'], ['1e1'], ['-1'], [' 5'], ['x'], [['5']], [{ a: '5' }], [5]])(
    '%j is refused',
    (value) =>
      expect(() => parseWait(value)).toThrow(
        expect.objectContaining({ code: 'invalid_value', options: { param: 'wait' } }),
      ),
  );
});
