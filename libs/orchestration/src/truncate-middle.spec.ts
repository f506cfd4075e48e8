import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { truncateMiddle, truncateTogether } from './truncate-middle.js';

const MARKER = /\n\[… (\d+) characters left out here …\]\n/;

describe('truncateMiddle', () => {
  it('keeps head and tail, and says how much is missing between them', () => {
    const text = `${'a'.repeat(500)}${'b'.repeat(500)}`;
    expect(truncateMiddle(text, 200)).toBe(
      `${'a'.repeat(82)}
[… 837 characters left out here …]
${'b'.repeat(81)}`,
    );
  });

  it('leaves alone what fits', () => {
    expect(truncateMiddle('a'.repeat(200), 200)).toBe('a'.repeat(200));
  });

  it.each([0, 1, 5, 30])('keeps the head alone where not even the marker fits %d characters', (max) => {
    expect(truncateMiddle('a'.repeat(500), max)).toBe('a'.repeat(max));
    expect(truncateMiddle('😀'.repeat(250), max)).toBe('😀'.repeat(Math.floor(max / 2)));
  });

  // Of runs, so that long texts are drawn, and shrink quickly.
  const anyRun = fc.tuple(fc.constantFrom('a', '😀', '\n', 'é', 'a😀'), fc.nat(500));
  const anyText = fc.array(anyRun, { maxLength: 12, size: 'max' }).map((runs) => {
    return runs.map(([unit, times]) => unit.repeat(times)).join('');
  });

  it('is never longer than asked, loses exactly what it says, and parts no surrogate pair', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 200, max: 1_500 }), (text, max) => {
        const short = truncateMiddle(text, max);
        expect(short.length).toBeLessThanOrEqual(max);
        expect(short.isWellFormed()).toBe(true);
        if (text.length <= max) {
          expect(short).toBe(text);
          return;
        }
        const [head = '', count = '', tail = ''] = short.split(MARKER);
        expect(text.startsWith(head) && text.endsWith(tail)).toBe(true);
        expect(Number(count)).toBe(text.length - head.length - tail.length);
        expect(short.length).toBeGreaterThan(max - 8);
      }),
      { seed: 7, numRuns: 500 },
    );
  });
});

describe('truncateTogether', () => {
  it('gives each its share by length', () => {
    const lengths = truncateTogether(['a'.repeat(300_000), 'b'.repeat(120_000), ''], 21_000).map(
      ({ length }) => length,
    );
    expect(lengths).toEqual([15_000, 6_000, 0]);
  });

  it('leaves alone what fits together, and everything where there is no bound', () => {
    const texts = ['a'.repeat(600), 'b'.repeat(400)];
    expect(truncateTogether(texts, 1_000)).toEqual(texts);
    expect(truncateTogether(texts, null)).toEqual(texts);
  });

  it('never goes beyond the bound, however small', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(5_000), { maxLength: 12 }), fc.nat(4_000), (lengths, bound) => {
        const short = truncateTogether(
          lengths.map((length) => 'x'.repeat(length)),
          bound,
        );
        expect(short.join('').length).toBeLessThanOrEqual(bound);
      }),
      { seed: 8 },
    );
  });
});
