import { expect, it } from '@jest/globals';
import { bearerOf } from './bearer.js';

it.each<[string | undefined, string | null]>([
  ['Bearer th_1', 'th_1'],
  ['bearer th_1', 'th_1'],
  ['BEARER   th_1  ', 'th_1'],
  ['Bearer a b', 'a b'],
  [undefined, null],
  ['', null],
  ['Bearer', null],
  ['Bearer ', null],
  ['Bearer    ', null],
  ['Bearerth_1', null],
  ['Basic dTpw', null],
  ['Token th_1', null],
  ['th_1', null],
  [' Bearer th_1', null],
])('%j carries %j', (authorization, token) => {
  expect(bearerOf(authorization === undefined ? {} : { authorization })).toBe(token);
});
