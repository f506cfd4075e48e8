import { describe, expect, it } from '@jest/globals';
import { shapeText } from './shape-text.js';

type Format = Parameters<typeof shapeText>[1];

function shaped(text: string, format: Format): string {
  const result = shapeText(text, format);
  return result.kind === 'shaped' ? result.text : result.error;
}

describe('shapeText', () => {
  it.each<[string, Format, string, string]>([
    ['Markdown as it is', 'markdown', '\n# A\n\n```js\nb\n```\n', '\n# A\n\n```js\nb\n```\n'],
    ['Markdown out of a fence', 'markdown', '```markdown\n# A\n```', '# A'],
    ['Markdown out of a longer fence', 'markdown', '\n````md\n# A\n```\nb\n```\n````\n', '# A\n```\nb\n```'],
    ['Markdown with code out of a fence', 'markdown', '```markdown\nA\n```js\nb\n```\nC\n```', 'A\n```js\nb\n```\nC'],
    [
      'an example of Markdown and what follows',
      'markdown',
      '```markdown\nA\n```\nB\n```js\nc\n```',
      '```markdown\nA\n```\nB\n```js\nc\n```',
    ],
    ['code that is the answer', 'markdown', '```js\nb\n```', '```js\nb\n```'],
    ['a fence that is not closed', 'markdown', '```markdown\n# A', '```markdown\n# A'],
    ['plain text', 'text', '# A\n\n**b**', 'A\n\nb'],
    ['plain text out of a fence of Markdown', 'text', '```markdown\n# A\n```', 'A'],
    ['XML', 'xml', '\n<a/>\n', '<a/>'],
    ['XML out of a fence', 'xml', '```xml\n<a>\n  <b/>\n</a>\n```', '<a>\n  <b/>\n</a>'],
    ['XML out of a fence in prose', 'xml', 'Here:\n```\n<a/>\n```\nDone.', '<a/>'],
    ['XML with a fence in it', 'xml', '<a>\n```xml\n</a>', '<a>\n```xml\n</a>'],
  ])('gives %s', (_, format, text, expected) => {
    expect(shaped(text, format)).toBe(expected);
  });

  it.each<[string, Format, string, RegExp]>([
    ['an empty answer', 'text', ' \n', /empty/],
    ['an empty answer', 'markdown', '', /empty/],
    ['XML that is not well-formed', 'xml', '<a><b></a>', /not well-formed XML. Line 1: /],
    ['XML with a document type', 'xml', '<!DOCTYPE a><a/>', /document type/],
    ['prose for XML', 'xml', 'I cannot.', /text outside the root/],
  ])('refuses %s as %s', (_, format, text, error) => {
    expect(shapeText(text, format)).toEqual({ kind: 'fault', error: expect.stringMatching(error) });
  });
});
