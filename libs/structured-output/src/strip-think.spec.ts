import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { stripThink } from './strip-think.js';

describe('stripThink', () => {
  it.each<[string, string, string]>([
    ['thinking before the answer', '<think>\nhm\n</think>\n\nYes.', 'Yes.'],
    ['thinking before JSON on the same line', '<think>hm</think> {"a":1}', '{"a":1}'],
    ['empty thinking, as models write that were told not to', '<think>\n\n</think>\n\nYes.', 'Yes.'],
    ['a newline before the thinking', '\n<think>hm</think>\nYes.', 'Yes.'],
    ['Windows newlines', '<think>hm</think>\r\n\r\nYes.', 'Yes.'],
    ['what Nova writes', '<thinking>hm</thinking>Yes.', 'Yes.'],
    ['what Seed-OSS writes', '<seed:think>hm</seed:think>Yes.', 'Yes.'],
    ['a closing tag alone: the template opened it', 'First I look.\nThen I see.\n</think>\n\nYes.', 'Yes.'],
    ['a second closing tag', '<think>a</think>b</think>\nYes.', 'Yes.'],
    ['an opening tag within thinking', '<think>a <think> b</think>Yes.', 'Yes.'],
    ['thinking that is cut off', 'Well.\n<think>hm, and then', 'Well.\n'],
    ['nothing but thinking that is cut off', '<think>hm, and then', ''],
    ['thinking between paragraphs', 'A\n\n<think>hm</think>\n\nB', 'A\n\nB'],
    ['thinking within a line', 'A <think>hm</think>\nB', 'A \nB'],
    ['two thoughts', '<think>a</think>\nOne.\n<think>b</think>\nTwo.', 'One.\nTwo.'],
    ['a fence within thinking', '<think>\n```js\nlet a;\n</think>\nYes.\n```\nx\n```', 'Yes.\n```\nx\n```'],
    ['a tag of another name', '<reasoning>a</reasoning>', '<reasoning>a</reasoning>'],
    ['a closing tag of another name', '<think>a</thinking>b</think>c', 'c'],
  ])('reads %s', (_, text, kept) => {
    expect(stripThink(text)).toBe(kept);
  });

  it.each([
    '```xml\n<think>this is an example</think>\n```\n',
    'Before.\n~~~\n</think>\n~~~\nAfter.',
    '- a list\n    ````\n    ```\n    <think>\n    ````\n',
    '```\n<think> in a block that is cut off',
    'Models write `<think>` and `</think>` around it.',
    '\n\n  Nothing to take out.\n\n',
    'a < b, <b>think</b>, < think >, <THINK>',
  ])('leaves code and other texts alone: %j', (text) => {
    expect(stripThink(text)).toBe(text);
  });

  it('takes thinking out around code that has tags in it', () => {
    const code = '```\n<think>kept</think>\n```\n';
    expect(stripThink(`<think>a</think>\n${code}<think>b</think>\n${code}`)).toBe(code + code);
  });

  it('leaves a text without tags alone, byte for byte', () => {
    const piece = fc.constantFrom(
      '<',
      'think',
      '>',
      '/',
      '`',
      '```',
      '\n',
      '\r\n',
      ' ',
      '~~~',
      'a',
      '😀',
      '\ud83d',
      '<thinkin>',
    );
    const tagless = fc.array(piece).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary' }), tagless), (text) => {
        fc.pre(!/<\/?think(?:ing)?>/.test(text));
        expect(stripThink(text)).toBe(text);
      }),
      { numRuns: 500, seed: 1 },
    );
  });

  it('leaves nothing of the thinking, whatever it says and however often', () => {
    const words = fc.array(fc.constantFrom('so', '`', '```', '\n', '~~~', '<', '</b>'), { maxLength: 9 });
    const answer = fc.constantFrom('Yes.', 'No.\n', '{"a": 1}\n', '');
    fc.assert(
      fc.property(fc.array(fc.tuple(words, answer), { minLength: 1 }), (turns) => {
        const text = turns.map(([thought, said]) => `<think>SECRET${thought.join('')}</think>${said}`).join('\n');
        const kept = stripThink(text);
        expect(kept).not.toContain('SECRET');
        for (const [, said] of turns) expect(kept).toContain(said.trim());
      }),
      { numRuns: 300, seed: 2 },
    );
  });

  // Anything quadratic would take minutes here, and the suite's timeout ends it.
  it.each<[string, string]>([
    ['many thoughts', '<think>a</think>b\n'],
    ['many fences before a tag', '```\na\n```\n'],
    ['many code spans', 'a `<think>` b '],
    ['many fences within thoughts', '<think>\n```\n</think>\n'],
    ['many closing tags', 'a</think>\n'],
    ['many openings', '<'],
    ['many backticks', '` '],
    ['many blank lines', ' \n'],
  ])('takes linear time for %s', (_, unit) => {
    const text = unit.repeat(Math.ceil(1_000_000 / unit.length));
    // Not by a matcher that would print a megabyte.
    expect(stripThink(`${text}\n<think>SECRET`).includes('SECRET')).toBe(false);
  });
});
