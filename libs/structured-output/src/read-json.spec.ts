import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readJson } from './read-json.js';

const found = (text: string): unknown => {
  const json = readJson(text);
  return json.kind === 'json' ? json.text : json.error;
};

describe('readJson', () => {
  it.each<[string, string, string]>([
    ['the whole text', '  {"a": 1}\n', '{"a": 1}'],
    ['a byte order mark before it', '\uFEFF{"a": 1}', '{"a": 1}'],
    ['a plain value', '"yes"', '"yes"'],
    ['a number', '-1.5e3', '-1.5e3'],
    ['its own spaces and order', '{"b":1,\n  "a" : 2}', '{"b":1,\n  "a" : 2}'],
    ['a fenced block', '```json\n{"a": 1}\n```', '{"a": 1}'],
    ['a fenced block in capitals', 'Here:\n```JSON\n{"a": 1}\n```\nDone.', '{"a": 1}'],
    ['a fence without a name', 'Here:\n```\n[1]\n```', '[1]'],
    ['a fence of tildes in a list', '1. Here:\n   ~~~~json\n   [1]\n   ~~~~', '[1]'],
    ['a plain value in a fence', '```json\n42\n```', '42'],
    ['a fence that is not closed', 'Here:\n```json\n{"a": 1}', '{"a": 1}'],
    ['a fence on one line', '```json {"a": 1} ```', '{"a": 1}'],
    ['a fence after one of another language', '```sh\nls [a]\n```\n```json\n[1]\n```', '[1]'],
    ['backticks in a string', '```json\n{"a": "```"}\n```', '{"a": "```"}'],
    ['prose before', 'The answer is {"a": 1}', '{"a": 1}'],
    ['prose behind', '{"a": 1}\n\nI hope this helps :}', '{"a": 1}'],
    ['the first of two', 'A: {"a": 1} B: {"b": 2}', '{"a": 1}'],
    ['brackets and quotes in strings', 'So: {"a": "}]\\"{"} or so', '{"a": "}]\\"{"}'],
    ['nested values', 'So: [{"a": [1, {"b": []}]}]!', '[{"a": [1, {"b": []}]}]'],
    ['brackets of prose before', 'Dear {name}, [the answer] - [ ] is: {"a": 1}', '{"a": 1}'],
    ['a fence within a string', '{"a": "x\\n```json\\n[1]\\n```"} ok', '{"a": "x\\n```json\\n[1]\\n```"}'],
  ])('finds %s', (_, text, json) => {
    expect(found(text)).toBe(json);
  });

  it.each<[string, string, RegExp]>([
    ['nothing', ' \n', /empty/],
    ['only prose', 'I cannot do that.', /no JSON object or array/],
    ['only brackets of prose', 'Dear {name}', /no JSON object or array/],
    ['a trailing comma', '{"a": 1,}', /not valid JSON/],
    ['NaN', '{"a": NaN}', /not valid JSON/],
    ['single quotes', "{'a': 1}", /not valid JSON/],
    ['a comment', '{"a": 1 /* one */}', /not valid JSON/],
    ['a key twice', '{"a": 1, "b": {"a": 2}, "a": 3}', /key "a" twice/],
    ['a key twice, escaped once', '[{"a": 1, "\\u0061": 2}]', /key "\\u0061" twice/],
    ['a key twice in a fence', '```json\n{"a": 1, "a": 2}\n```', /key "a" twice/],
    ['an answer that is cut off', 'So: {"a": [{"b": 1}, {"c"', /not valid JSON/],
    ['an answer that is cut off in a string', '{"a": "so', /Unterminated string/],
    ['a bracket of prose that is never closed', 'Write { and then {"a": 1}', /never closed/],
    ['a bad block of which a part is JSON', '{"a": NaN, "b": {"c": 1}}', /not valid JSON/],
    ['a bad block before a good one', 'A: {"a": 1,} B: {"b": 2}', /not valid JSON/],
    ['a bad block that has a fence in it', '{"a": "x\n```json\n[1]\n```\n"}', /not valid JSON/],
    ['a bad fence', '```json\n{"a": 1,}\n```\n{"b": 2}', /not valid JSON/],
  ])('refuses %s', (_, text, error) => {
    expect(found(text)).toMatch(error);
  });

  it('takes keys of the same name in different objects, and values that look like keys', () => {
    expect(found('{"a": {"a": ["a", "a"]}, "b": "a", "c": ["b", {"b": "c"}]}')).toMatch(/^\{/);
  });

  it('reads __proto__ as plain data', () => {
    const json = readJson('{"__proto__": {"polluted": true}}');
    expect(json.kind === 'json' && Object.keys(json.value as object)).toEqual(['__proto__']);
    expect(({} as Record<string, unknown>).polluted).toBeUndefined();
    expect(found('{"__proto__": 1, "__proto__": 2}')).toMatch(/twice/);
  });

  const prose = fc.string({ unit: 'binary' }).map((text) => text.replace(/[[\]{}`~]/g, ''));
  const composite = fc.oneof(fc.dictionary(fc.string(), fc.jsonValue()), fc.array(fc.jsonValue()));

  it('finds any object or array in prose without brackets', () => {
    fc.assert(
      fc.property(prose, composite, prose, fc.constantFrom(0, 2), (before, value, after, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(readJson(`${before} ${text} ${after}`)).toEqual({
          kind: 'json',
          text,
          value: JSON.parse(text) as unknown,
        });
      }),
      { numRuns: 500, seed: 3 },
    );
  });

  it('finds any value in a fence', () => {
    fc.assert(
      fc.property(prose, fc.jsonValue(), prose, (before, value, after) => {
        const text = JSON.stringify(value, null, 2);
        expect(found(`a ${before}\n\`\`\`json\n${text}\n\`\`\`\n${after}`)).toBe(text);
      }),
      { numRuns: 500, seed: 4 },
    );
  });

  it('takes nothing for JSON that is not', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ',',
      ':',
      '1',
      'a',
      '\\',
      '\n',
      '```',
      '```json\n',
      ' ',
      'null',
    );
    fc.assert(
      fc.property(
        fc.array(piece).map((pieces) => pieces.join('')),
        (text) => {
          const json = readJson(text);
          if (json.kind === 'fault') return;
          expect(JSON.parse(json.text)).toEqual(json.value);
          expect(text).toContain(json.text);
        },
      ),
      { numRuns: 2_000, seed: 5 },
    );
  });

  // Anything quadratic would take minutes here, and the suite's timeout ends it.
  it.each(['{', '[', '{"a":', '"', '{"', '[}', '{x}', '```\n', '````', '\\"', '[1,', '{"a":"'])(
    'takes linear time for a million times %j',
    (unit) => {
      expect(readJson(`a ${unit.repeat(1_000_000)}`).kind).toBe('fault');
    },
  );
});
