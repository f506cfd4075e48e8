import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mixedText, remainderOf } from '#testing/texts-with-directives.js';
import { stripAcross, stripDirectives } from './strip-directives.js';

describe('stripDirectives', () => {
  it.each<[string, string, string]>([
    ['no directive', 'a @@ tokenhub @tokenhub\n', 'a @@ tokenhub @tokenhub\n'],
    ['nothing', '', ''],
    ['a line alone goes with its end', 'a\n@@tokenhub mode=cheap\nb', 'a\nb'],
    ['a line alone at the start', '@@tokenhub mode=cheap\nb', 'b'],
    ['a line alone at the end', 'a\n@@tokenhub mode=cheap', 'a\n'],
    ['a line that holds more keeps its end', 'a @@tokenhub mode=cheap\nb', 'a \nb'],
    ['a blank is more', ' @@tokenhub mode=cheap\nb', ' \nb'],
    ['CRLF', 'a\r\n@@tokenhub x\r\nb', 'a\r\nb'],
    ['CRLF that stays', 'a @@tokenhub x\r\nb', 'a \r\nb'],
    ['a CR alone', 'a\r@@tokenhub x\rb', 'a\rb'],
    ['a line separator of Unicode is no line end', 'a @@tokenhub x\u2028b\nc', 'a \nc'],
    ['two on one line are one', '@@tokenhub a @@tokenhub b\nc', 'c'],
    ['two lines', '@@tokenhub a\n@@tokenhub b\nc', 'c'],
    ['any case', 'a\n@@TOKENHUB x\n@@TokenHub x\nb', 'a\nb'],
    ['no word boundary', 'a @@tokenhubx b\nc', 'a \nc'],
    ['a third @', '@@@tokenhub x\nb', '@\nb'],
    ['a block', 'a\n@@tokenhub\nmode=cheap\n@@end\nb', 'a\nb'],
    ['an empty block', 'a\n@@tokenhub\n@@end\nb', 'a\nb'],
    ['a block with blanks and CRLF', 'a\r\n@@tokenhub \t\r\nmode=cheap\r\n@@END\r\nb', 'a\r\nb'],
    ['what stands around a block', 'a @@tokenhub\nmode=cheap\n@@end b\nc', 'a  b\nc'],
    ['what stands after a block', '@@tokenhub\nmode=cheap\n@@end b\nc', ' b\nc'],
    ['what stands before a block', 'a@@tokenhub\nmode=cheap\n@@end\nc', 'a\nc'],
    ['an end within a line', '@@tokenhub\nmode=cheap @@end b', ' b'],
    ['an end on the marker’s own line', '@@tokenhub @@end b\nc', 'c'],
    ['an unclosed block', 'a\n@@tokenhub\nmode=cheap\n', 'a\nmode=cheap\n'],
    ['an unclosed block at the very end', 'a @@tokenhub', 'a '],
    ['a block before another directive', '@@tokenhub\na\n@@tokenhub\nb\n@@end\nc', 'a\nc'],
    ['an end without a beginning', 'a\n@@end\nb', 'a\n@@end\nb'],
    ['a block after a block on one line', '@@tokenhub\n@@end@@tokenhub\n@@end\nb', 'b'],
    ['a marker around a line form', '@@tok@@tokenhub x\nenhub y', '@@tok\nenhub y'],
    ['a marker around a block', 'a @@tok@@tokenhub\n@@endenhub b\nc', 'a \nc'],
    ['a marker around a marker around a block', '@@tok@@tok@@tokenhub\n@@endenhub\n@@endenhub b\nc', 'c'],
    ['a marker around two blocks', '@@@tokenhub\n@@end@t@@tokenhub\n@@endokenhub b\nc', 'c'],
    ['lone surrogates', '\ud83d@@tokenhub\n@@end\ude00', '\ud83d\ude00'],
  ])('%s', (_what, text, left) => expect(stripDirectives(text)).toBe(left));

  it('leaves byte for byte what is the client’s, whatever stands between', () => {
    fc.assert(
      fc.property(mixedText(), (mixed) => {
        expect(stripDirectives(mixed.text)).toBe(remainderOf(mixed));
      }),
      { numRuns: 1_000 },
    );
  });

  const fragments = fc.constantFrom(
    '@@tokenhub',
    '@@end',
    '@@tok',
    'enhub',
    '@',
    '\n',
    '\r',
    ' ',
    'x',
    '@TOKEN',
    'Hub',
  );
  const hostile = fc.array(fragments, { maxLength: 30 }).map((all) => all.join(''));

  it('leaves no directive, also none that it has made itself, and strips nothing twice', () => {
    fc.assert(
      fc.property(hostile, (text) => {
        const once = stripDirectives(text);
        expect(once).not.toMatch(/@@tokenhub/i);
        expect(stripDirectives(once)).toBe(once);
      }),
      { numRuns: 5_000 },
    );
  });

  // Were one of these not linear, the test would not end in time.
  it.each<[string, string, string]>([
    ['lines', '@@tokenhub mode=cheap\n'.repeat(200_000), ''],
    ['blocks', '@@tokenhub\nmode=cheap\n@@end\n'.repeat(200_000), ''],
    ['blocks in one line', '@@tokenhub\n@@end'.repeat(200_000), ''],
    ['unclosed blocks', '@@tokenhub\n'.repeat(200_000), ''],
    ['a directive of 4 MB', `a\n@@tokenhub ${'x'.repeat(4_000_000)}\nb`, 'a\nb'],
    ['a marker and 4 MB of blanks', `@@tokenhub${' '.repeat(4_000_000)}x`, ''],
    ['an unclosed block and 4 MB', `@@tokenhub\n${'x\n'.repeat(2_000_000)}`, 'x\n'.repeat(2_000_000)],
    ['4 MB of @', '@'.repeat(4_000_000), '@'.repeat(4_000_000)],
    [
      'markers in markers, 100,000 deep',
      `${'@@tok'.repeat(100_000)}@@tokenhub\n@@end${'enhub\n@@end'.repeat(100_000)}`,
      '',
    ],
    [
      'a marker of single letters between blocks',
      Array.from('@@tokenhu'.repeat(20_000)).join('@@tokenhub\n@@end'),
      '@@tokenhu'.repeat(20_000),
    ],
  ])('%s are stripped in time', (_what, text, left) => expect(stripDirectives(text) === left).toBe(true));
});

describe('stripAcross', () => {
  it.each<[string, string[], string[]]>([
    ['within one', ['a\n', '@@tokenhub x\nb', 'c'], ['a\n', 'b', 'c']],
    ['a marker over three', ['a @@to', 'k', 'enhub x\nb'], ['a ', '', '\nb']],
    ['a line that goes on in the next', ['@@tokenhub mode=', 'cheap\nb'], ['', 'b']],
    ['a line end between a CR and its LF', ['@@tokenhub x\r', '\nb'], ['', 'b']],
    ['a block over all', ['a\n@@tokenhub\nmode=', 'cheap', '\n@@e', 'nd\nb'], ['a\n', '', '', 'b']],
    ['empty texts', ['', 'a@@tokenhub x', ''], ['', 'a', '']],
    ['two directives', ['@@tokenhub x\na', 'b\n@@tokenhub', ' y\nc'], ['a', 'b\n', 'c']],
  ])('%s', (_what, texts, left) => expect(stripAcross(texts)).toStrictEqual(left));

  it('gives back the same texts when there is nothing to strip', () => {
    const texts = ['@@', 'tok', 'nhub'];
    expect(stripAcross(texts)).toBe(texts);
  });

  it('leaves each text what is its own, wherever the text is divided', () => {
    fc.assert(
      fc.property(mixedText(), fc.array(fc.nat(200), { maxLength: 8 }), (mixed, cuts) => {
        const ends = [...cuts.filter((cut) => cut < mixed.text.length).sort((a, b) => a - b), mixed.text.length];
        const spans = ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to }));
        const texts = spans.map(({ from, to }) => mixed.text.slice(from, to));
        expect(stripAcross(texts)).toStrictEqual(spans.map(({ from, to }) => remainderOf(mixed, from, to)));
      }),
      { numRuns: 1_000 },
    );
  });
});
