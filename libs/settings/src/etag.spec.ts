import { expect, it } from '@jest/globals';
import { allowsVersion, etagOf } from './etag.js';

it('the tag of a version allows that version', () => {
  expect(allowsVersion(etagOf(17), 17)).toBe(true);
});

it.each<[string, boolean]>([
  ['"17"', true],
  [' "17" ', true],
  ['"16", "17"', true],
  ['*', true],
  ['"18"', false],
  ['17', false],
  ['W/"17"', false],
  ['', false],
])('%j on version 17: %s', (ifMatch, allowed) => {
  expect(allowsVersion(ifMatch, 17)).toBe(allowed);
});
