import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mixedText, remainderOf } from '#testing/texts-with-directives.js';
import { stripJsonText } from './strip-json-text.js';

describe('stripJsonText', () => {
  it.each<[string, string, string]>([
    ['nothing to strip', '{ "a" : 1.0, "b":"\\u00e9" }', '{ "a" : 1.0, "b":"\\u00e9" }'],
    ['a value', '{"a":"@@tokenhub x","b":"c"}', '{"a":"","b":"c"}'],
    ['a line of a value', '{"a":"b\\n@@tokenhub x\\nc"}', '{"a":"b\\nc"}'],
    ['a key', '{"@@tokenhub x":1}', '{"":1}'],
    ['a quote in a directive', '{"a":"@@tokenhub x=\\"y\\"","b":"\\\\"}', '{"a":"","b":"\\\\"}'],
    ['a marker in escapes', '{"a":"\\u0040\\u0040t\\u006Fkenhub x"}', '{"a":""}'],
    [
      'numbers and spaces around it',
      '[ 1.0, 12345678901234567890 ,"@@tokenhub x" , 1e5]',
      '[ 1.0, 12345678901234567890 ,"" , 1e5]',
    ],
    ['doubled keys and __proto__', '{"a":1,"a":2,"__proto__":"@@tokenhub"}', '{"a":1,"a":2,"__proto__":""}'],
    ['a text that is a string', '"a @@tokenhub x"', '"a "'],
    ['a text that is no JSON', '{"a":"@@tokenhub x","b":', '{"a":"'],
    ['an empty text', '', ''],
  ])('%s', (_what, text, left) => expect(stripJsonText(text)).toBe(left));

  it('takes arguments of any depth', () => {
    const nested = (value: string): string => `${'['.repeat(100_000)}${value}${']'.repeat(100_000)}`;
    expect(stripJsonText(nested('"a@@tokenhub x"')) === nested('"a"')).toBe(true);
  });

  it('leaves every value what is its own', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), mixedText()), fc.nat(4), (values, indent) => {
        const map = (of: (mixed: { text: string; stays: boolean[] }) => string): [string, string][] =>
          Object.entries(values).map(([key, mixed]) => [key, of(mixed)]);
        const stripped = stripJsonText(JSON.stringify(Object.fromEntries(map(({ text }) => text)), null, indent));
        expect(Object.entries(JSON.parse(stripped) as object)).toStrictEqual(map(remainderOf));
        expect(stripped).not.toMatch(/@@tokenhub/i);
      }),
    );
  });
});
