import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { get_encoding } from 'tiktoken';
import { MAX_SLICE, nextSlice } from './slice-text.js';

const encoding = get_encoding('o200k_base');

function slicesOf(text: string): string[] {
  const slices: string[] = [];
  for (let start = 0; start < text.length;) {
    const end = nextSlice(text, start);
    expect(end).toBeGreaterThan(start);
    slices.push(text.slice(start, end));
    start = end;
  }
  return slices;
}

const anyText = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 30 }),
      fc
        .tuple(fc.constantFrom('a', ' ', '\n', '!', '語', '😀', 'ab ', '\ud83d'), fc.nat(900))
        .map(([unit, times]) => unit.repeat(times)),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

describe('nextSlice', () => {
  it('loses no character, keeps to the limit and never parts a surrogate pair', () => {
    fc.assert(
      fc.property(anyText, (text) => {
        const slices = slicesOf(text);
        expect(slices.join('')).toBe(text);
        for (const [index, slice] of slices.entries()) {
          expect(slice.length).toBeLessThanOrEqual(MAX_SLICE);
          const next = slices[index + 1];
          if (next !== undefined) expect(/[\ud800-\udbff]$/.test(slice) && /^[\udc00-\udfff]/.test(next)).toBe(false);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('gives a small text to the encoder in one piece', () => {
    expect(slicesOf('Words of ordinary length, in sentences. '.repeat(40))).toHaveLength(1);
  });

  it('counts prose of any length exactly as if it were one piece', () => {
    const word = fc.constantFrom(
      'Tokenhub',
      'waits',
      'for',
      'capacity,',
      "it's",
      '1234',
      'naïve',
      '“quoted”',
      'x=1;',
      '\n\n',
      '\t',
      '  ',
    );
    fc.assert(
      fc.property(fc.array(word, { minLength: 600, maxLength: 1500 }), (words) => {
        const text = words.join(' ');
        const sliced = slicesOf(text).reduce((sum, slice) => sum + encoding.encode_ordinary(slice).length, 0);
        expect(sliced).toBe(encoding.encode_ordinary(text).length);
      }),
      { numRuns: 30 },
    );
  });

  it('cuts a stretch without a boundary early, because the encoder is quadratic in it', () => {
    for (const unit of ['a', ' ', '!', '語', '😀']) {
      for (const slice of slicesOf(unit.repeat(3_000))) expect(slice.length).toBeLessThanOrEqual(200);
    }
  });
});
