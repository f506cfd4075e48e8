import { expect, it } from '@jest/globals';
import { isJsonObject } from './json.js';

it.each<[unknown, boolean]>([
  [{}, true],
  [{ a: 1 }, true],
  [Object.create(null), true],
  [[], false],
  [null, false],
  [undefined, false],
  ['{}', false],
  [5, false],
  [true, false],
])('%j is an object: %s', (value, expected) => expect(isJsonObject(value)).toBe(expected));
