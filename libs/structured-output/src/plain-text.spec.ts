import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { toPlainText } from './plain-text.js';

describe('toPlainText', () => {
  it.each<[string, string, string]>([
    ['headings', '# One\n\n## Two ##\n### C#\n#hashtag', 'One\n\nTwo\nC#\n#hashtag'],
    ['underlined headings and rules', 'One\n===\n\nTwo\n---\n\n* * *\nend', 'One\n\nTwo\n\nend'],
    ['bold and italic', '**a** *b* __c__ _d_ ***e*** ~~f~~', 'a b c d e f'],
    ['bold within italic', '*a **b** c*', 'a b c'],
    ['bold without spaces, as in Chinese', '这是**重点**内容', '这是重点内容'],
    ['bold before a colon', '- **Name:** Ada', '- Name: Ada'],
    ['links', 'See [the docs](https://a.example/b_c_d "Docs").', 'See the docs (https://a.example/b_c_d).'],
    ['links with brackets in the address', '[a](https://e.example/x_(y))', 'a (https://e.example/x_(y))'],
    ['links whose words are the address', '[https://a.example](https://a.example)', 'https://a.example'],
    ['bare links', '<https://a.example/_b_>', 'https://a.example/_b_'],
    ['images', '![a cat](cat_1.png) ![](dog_2_.png)', 'a cat (cat_1.png) dog_2_.png'],
    ['code within words', 'Call `a_b_c(*d*)` or ``x`y``.', 'Call a_b_c(*d*) or x`y.'],
    ['code as the words of a link', '[`a_b_`](https://a.example)', 'a_b_ (https://a.example)'],
    ['code that ends in a backslash', 'In `C:\\` and `D:\\`', 'In C:\\ and D:\\'],
    ['quotes', '> a\n> > b\n>c', 'a\nb\nc'],
    ['lists, whose markers stay', '* a\n- b\n+ c\n1. d\n  * e\n- [ ] f', '* a\n- b\n+ c\n1. d\n  * e\n- [ ] f'],
    ['tables, whose rows stay', '| a | b |\n|---|:-:|\n| 1 | 2 |', '| a | b |\n| 1 | 2 |'],
    ['escapes', '\\*a\\* 1\\. \\`b\\` \\\\', '*a* 1. `b` \\'],
    ['fenced code', 'a\n```py\n# no *heading*\nx = a_b_c\n```\nb', 'a\n# no *heading*\nx = a_b_c\nb'],
    ['a fence within a longer one', '````md\n```\n*a*\n```\n````', '```\n*a*\n```'],
    ['a fence that is not closed', '```\n*a*', '*a*'],
  ])('takes the signs off %s', (_, markdown, plain) => {
    expect(toPlainText(markdown)).toBe(plain);
  });

  it.each([
    'snake_case_name and __init',
    '2 * 3 * 4 = 24, 2*3*4',
    'a ** b, *not closed, not opened* _',
    'f(x) = [1](2',
    '3 > 2, a | b, #1, C#',
    'An `unclosed tick',
    '[ ] and [x] and [a][b]',
    '-1\n- - a',
  ])('leaves alone what only looks like Markdown: %j', (text) => {
    expect(toPlainText(text)).toBe(text.replace('*not closed, not opened*', 'not closed, not opened'));
  });

  it('leaves prose without signs alone', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const prose = text.replace(/[*_~`#>|[\]\\<=+-]/g, '').trim();
        expect(toPlainText(prose)).toBe(prose);
      }),
      { numRuns: 500, seed: 8 },
    );
  });

  it('never loses a word', () => {
    const word = fc.constantFrom(
      'ant',
      '**bee**',
      '*cow*',
      '`dog`',
      '[elk](fox)',
      '\n',
      '\n\n',
      '# gnu',
      '> hen',
      '_',
      '**',
      '`',
      '[',
      '\\',
      '(',
      '~~',
      '\n```\n',
    );
    const names = ['ant', 'bee', 'cow', 'dog', 'elk', 'fox', 'gnu', 'hen'];
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const markdown = words.join(' ');
        const plain = toPlainText(markdown);
        for (const name of names) expect(plain.split(name).length).toBe(markdown.split(name).length);
        expect(plain).not.toContain('\0');
      }),
      { numRuns: 1_000, seed: 9 },
    );
  });

  // Anything quadratic would take minutes here, and the suite's timeout ends it.
  it.each(['*', '**a ', '*a', '_a ', '` ', '`a', '[', '[a](', '[a](b "', '<https:', '\\', '> ', '# ', '~~a', '![](a('])(
    'takes linear time for many times %j',
    (unit) => {
      expect(typeof toPlainText(`a ${unit.repeat(200_000)}`)).toBe('string');
      expect(typeof toPlainText(`[a](${' '.repeat(200_000)}${unit}`)).toBe('string');
    },
  );
});
