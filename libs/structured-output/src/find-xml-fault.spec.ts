import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { findXmlFault } from './find-xml-fault.js';

describe('findXmlFault', () => {
  it.each([
    '<a/>',
    '<a></a>',
    '<?xml version="1.0" encoding="UTF-8"?>\n<!-- c --><?p x?>\n<a b="1" c=\'"\'>\n  <b:c.d-e/>text</a>\n<!-- c -->\n',
    '<a>&amp;&lt;&gt;&quot;&apos;&#65;&#x1F600;</a>',
    '<a b = "&lt;" ></a >',
    '<a><![CDATA[ <b> & ]] > ]]></a>',
    '<größe 語="x">😀</größe>',
    '<a>a > b</a>',
    '<a b="a > b"/>',
  ])('accepts %j', (text) => {
    expect(findXmlFault(text)).toBeNull();
  });

  it.each<[string, RegExp]>([
    ['', /there is no element/],
    ['words', /text outside the root/],
    ['<!-- only a comment -->', /there is no element/],
    ['<a>\n<b></a>', /Line 2: <\/a> stands where <\/b> is expected/],
    ['<a>', /<a> is never closed/],
    ['</a>', /<\/a> closes nothing/],
    ['<a/><b/>', /second root/],
    ['<a/> and more', /text outside the root/],
    ['<a/><![CDATA[x]]>', /text outside the root/],
    ['<a b=1/>', /not in quotes/],
    ['<a b/>', /has no value/],
    ['<a b="<"/>', /not in quotes, or has "<"/],
    ['<a b="1" b="2"/>', /the attribute b twice/],
    ['<a b="1"c="2"/>', /not closed by ">"/],
    ['<a b="', /not in quotes/],
    ['<1/>', /begins no tag/],
    ['<a>1 < 2</a>', /begins no tag/],
    ['<a>AT&T</a>', /"&" begins no character/],
    ['<a b="?x=1&y=2"/>', /"&" begins no character/],
    ['<a>&nbsp;</a>', /"&" begins no character/],
    ['<a>&#0;</a>', /"&" begins no character/],
    ['<a>&#xD800;</a>', /"&" begins no character/],
    ['<a>&#9999999;</a>', /"&" begins no character/],
    ['<a>]]></a>', /"\]\]>"/],
    ['<a>\u0001</a>', /does not allow/],
    ['<a>\ud800</a>', /does not allow/],
    ['<a><!-- a -- b --></a>', /"--" in it/],
    ['<a><!-- a </a>', /comment is never closed/],
    ['<a><![CDATA[ a </a>', /CDATA section is never closed/],
    ['<a><?p </a>', /processing instruction is never closed/],
    ['<a><??></a>', /has no name/],
    [' <?xml version="1.0"?><a/>', /must be first/],
    ['<?xml encoding="x"?><a/>', /must be first, and have a version/],
    ['<!DOCTYPE a><a/>', /document type is not allowed/],
    ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', /document type is not allowed/],
    ['<a><!ELEMENT b></a>', /document type is not allowed/],
    ['<a', /not closed by ">"/],
    ['<a></a', /not closed by ">"/],
  ])('refuses %j', (text, fault) => {
    expect(findXmlFault(text)).toMatch(fault);
  });

  it('accepts whatever is built of elements, attributes and escaped text', () => {
    const escape = (text: string) =>
      text.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`).replace(/[^\t\n\r -\ud7ff]/g, '');
    const name = fc.constantFrom('a', 'b-c', '_d', 'e.f', 'g:h', 'ü');
    const { node } = fc.letrec<{ node: string }>((tie) => ({
      node: fc.oneof(
        { maxDepth: 5 },
        fc.string({ unit: 'grapheme' }).map(escape),
        fc
          .tuple(
            name,
            fc.uniqueArray(fc.tuple(name, fc.string().map(escape)), { selector: ([key]) => key }),
            fc.array(tie('node')),
          )
          .map(([tag, attributes, children]) => {
            const list = attributes.map(([key, value]) => ` ${key}="${value}"`).join('');
            return `<${tag}${list}>${children.join('')}</${tag}>`;
          }),
      ),
    }));
    fc.assert(
      fc.property(node, (content) => {
        expect(findXmlFault(`<root>${content}</root>`)).toBeNull();
        expect(findXmlFault(`<root>${content}`)).not.toBeNull();
      }),
      { numRuns: 300, seed: 6 },
    );
  });

  // Anything quadratic or recursive would not end, or would overflow.
  it.each(['<a>', '<a/>', 'x', '&amp;', '<!---->', '<b c="&amp;"/>', '<![CDATA[]]>', '<?p?>', ' '])(
    'takes linear time for a million times %j',
    (unit) => {
      expect(findXmlFault(`<a>${unit.repeat(1_000_000)}&`)).not.toBeNull();
    },
  );
});
