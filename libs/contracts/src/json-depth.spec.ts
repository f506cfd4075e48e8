import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { isNestedDeeper } from './json-depth.js';

const nested = (levels: number, [open, close]: [string, string] = ['[', ']']): string =>
  open.repeat(levels) + close.repeat(levels);

it.each([
  [nested(10), 10, false],
  [nested(11), 10, true],
  ['['.repeat(11), 10, true],
  [nested(11, ['{"a":', '}']), 10, true],
  [`[${nested(5)},${nested(5)},${nested(5)}]`, 6, false],
  [JSON.stringify({ text: '['.repeat(1_000) }), 3, false],
  [JSON.stringify({ text: `\\" "\\\\${'['.repeat(1_000)}` }), 3, false],
  [`"${'['.repeat(100)}`, 3, false],
])('%.20s… is nested deeper than %i levels: %s', (text, levels, deeper) => {
  expect(isNestedDeeper(text, levels)).toBe(deeper);
});

it('agrees with the value itself, whatever JSON it is', () => {
  const depthOf = (value: unknown): number =>
    typeof value === 'object' && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depthOf)) : 0;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 6 }), fc.nat(6), (value, levels) => {
      const text = JSON.stringify(value);
      return isNestedDeeper(text, levels) === (depthOf(value) > levels && text.length > levels);
    }),
    { seed: 20261122 },
  );
});

describe('a hostile text', () => {
  it.each([
    ['brackets', '['.repeat(20_000_000)],
    ['a string of backslashes', `"${'\\'.repeat(20_000_000)}"`],
    ['escaped quotes', `"${'\\"'.repeat(10_000_000)}"`],
    ['short strings', `[${'"",'.repeat(6_000_000)}""]`],
  ])('of %s is judged in a moment', (_what, text) => {
    const since = performance.now();
    isNestedDeeper(text, 200);
    expect(performance.now() - since).toBeLessThan(2_000);
  });
});
