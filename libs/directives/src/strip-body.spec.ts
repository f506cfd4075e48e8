import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { mixedText, remainderOf } from '#testing/texts-with-directives.js';
import { holdsDirective } from './holds-directive.js';
import { stripBody } from './strip-body.js';

const D = '@@tokenhub mode=cheap';
const text = (of: string, more: object = {}): object => ({ type: 'text', text: of, ...more });
const IMAGE = { type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } };
const inContent = (content: unknown): Record<string, unknown> => ({ messages: [{ role: 'user', content }] });
const inCall = (args: unknown): Record<string, unknown> => ({
  messages: [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id: 'c', type: 'function', function: { name: 'f', arguments: args } }],
    },
  ],
});

describe('stripBody', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    [
      'messages of every role, also odd ones',
      {
        messages: ['system', 'developer', 'user', 'assistant', 'tool', 'odd'].map((role) => ({
          role,
          content: `a\n${D}\nb`,
        })),
      },
      {
        messages: ['system', 'developer', 'user', 'assistant', 'tool', 'odd'].map((role) => ({
          role,
          content: 'a\nb',
        })),
      },
    ],
    ['a text part', inContent([text(`a${D}`), IMAGE]), inContent([text('a'), IMAGE])],
    ['a part that is emptied', inContent([text(D), IMAGE, text('a')]), inContent([IMAGE, text('a')])],
    ['a part that was empty', inContent([text(D), text('')]), inContent([text('')])],
    ['parts that are all emptied', inContent([text(D), text('')]), inContent([text('')])],
    [
      'a part that is emptied alone',
      inContent([text(D, { cache_control: {} })]),
      inContent([text('', { cache_control: {} })]),
    ],
    [
      'a directive over parts',
      inContent([text('a\n@@tok'), text('enhub mode='), text('cheap\nb')]),
      inContent([text('a\n'), text('b')]),
    ],
    [
      'a marker but for its last letter',
      inContent([text('a@@tokenhu'), text('b x\nc')]),
      inContent([text('a'), text('\nc')]),
    ],
    [
      'a marker of single letters',
      inContent([text('a '), ...Array.from('@@tokenhub', (letter) => text(letter)), text(' x\nb')]),
      inContent([text('a '), text('\nb')]),
    ],
    [
      'an image between parts',
      inContent([text('@@tok'), IMAGE, text('enhub x')]),
      inContent([text('@@tok'), IMAGE, text('enhub x')]),
    ],
    [
      'other fields of a text part',
      inContent([text(`b${D}\n`, { note: D }), text('a')]),
      inContent([text('b\n', { note: '' }), text('a')]),
    ],
    ['a refusal', inContent([{ type: 'refusal', refusal: `a ${D}` }]), inContent([{ type: 'refusal', refusal: 'a ' }])],
    ['arguments', inCall(`{"a": "b ${D}", "n": 1.0}`), inCall('{"a": "b ", "n": 1.0}')],
    ['arguments in escapes', inCall('{"a":"\\u0040@tokenhub x"}'), inCall('{"a":""}')],
    ['arguments that are an object', inCall({ a: `b${D}` }), inCall({ a: 'b' })],
    [
      'function_call',
      { function_call: { name: D, arguments: `{"a":"${D}"}` } },
      { function_call: { name: '', arguments: '{"a":""}' } },
    ],
    [
      'tools and schemas, keys included',
      {
        tools: [
          { function: { name: `f${D}`, description: D, parameters: { properties: { [`p${D}`]: { enum: [D, 1] } } } } },
        ],
      },
      { tools: [{ function: { name: 'f', description: '', parameters: { properties: { p: { enum: ['', 1] } } } } }] },
    ],
    [
      'response_format',
      { response_format: { json_schema: { name: D } } },
      { response_format: { json_schema: { name: '' } } },
    ],
    ['a prompt', { prompt: `a${D}` }, { prompt: 'a' }],
    ['prompts, each by itself', { prompt: ['@@tok', 'enhub x', `a${D}`] }, { prompt: ['@@tok', 'enhub x', 'a'] }],
    [
      'input, system, suffix, stop, user, metadata',
      { input: D, system: D, suffix: D, stop: [D, 'a'], user: D, metadata: { [D]: D } },
      { input: '', system: '', suffix: '', stop: ['', 'a'], user: '', metadata: { '': '' } },
    ],
    [
      'input of parts',
      {
        input: [
          {
            role: 'user',
            content: [
              { type: 'input_text', text: '@@tok' },
              { type: 'input_text', text: 'enhub x\na' },
            ],
          },
        ],
      },
      { input: [{ role: 'user', content: [{ type: 'input_text', text: 'a' }] }] },
    ],
    ['unknown fields', { odd: [[[{ deep: [D] }]]], [`other${D}`]: 1 }, { odd: [[[{ deep: [''] }]]], other: 1 }],
    ['fields that come to have one name: the last counts', { odd: 1, [`odd${D}`]: 2 }, { odd: 2 }],
  ])('%s', (_what, body, left) => {
    const before = structuredClone(body);
    const stripped = stripBody(body);
    expect(stripped).toStrictEqual(left);
    expect(body).toStrictEqual(before);
    expect(holdsDirective(stripped)).toBe(false);
    expect(stripBody(stripped)).toBe(stripped);
  });

  it.each<[string, Record<string, unknown>]>([
    ['an empty body', {}],
    ['token ids', { prompt: [[1, 2], [3]] }],
    ['near misses', inContent([text('@@'), IMAGE, text('tokenhub')])],
    ['arguments with other escapes', inCall('{"a":"\\u00e9"}')],
    ['all kinds of values', { a: null, b: 1, c: true, d: undefined, e: [null, [], {}] }],
  ])('gives back the same object when there is nothing to strip: %s', (_what, body) => {
    expect(stripBody(body)).toBe(body);
  });

  it('keeps fields that are called __proto__', () => {
    const body = JSON.parse(`{"logit_bias":{"__proto__":{"a":"b${D}"}}}`) as Record<string, unknown>;
    expect(JSON.stringify(stripBody(body))).toBe('{"logit_bias":{"__proto__":{"a":"b"}}}');
  });

  it('takes a body of any depth', () => {
    let deep: unknown = `a${D}`;
    for (let i = 0; i < 100_000; i++) deep = i % 2 === 0 ? [deep] : { deep };
    let left: unknown = stripBody({ deep });
    while (typeof left === 'object') left = Object.values(left ?? {})[0];
    expect(left).toBe('a');
  });

  const content = fc.oneof(
    mixedText().map((mixed) => ({ sent: mixed.text, left: remainderOf(mixed) })),
    fc
      .tuple(mixedText({ atLeast: 1 }), fc.array(fc.nat(150), { maxLength: 5 }), fc.boolean())
      .map(([mixed, cuts, image]) => {
        const ends = [...new Set(cuts.filter((cut) => cut < mixed.text.length)), mixed.text.length].sort(
          (a, b) => a - b,
        );
        const spans = ends.map((to, i) => ({ from: ends[i - 1] ?? 0, to }));
        const sent = spans.map(({ from, to }) => mixed.text.slice(from, to));
        const parts = spans
          .map(({ from, to }) => remainderOf(mixed, from, to))
          .filter((rest, i) => rest !== '' || sent[i] === '');
        const tail = image ? [IMAGE] : [];
        const none = parts.length + tail.length === 0;
        return {
          sent: [...sent.map((part) => text(part)), ...tail],
          left: none ? [text('')] : [...parts.map((part) => text(part)), ...tail],
        };
      }),
  );

  it('leaves the client’s body, whatever mixture of text, parts and directives it is', () => {
    fc.assert(
      fc.property(
        fc.array(content, { minLength: 1, maxLength: 5 }),
        mixedText(),
        mixedText(),
        (contents, args, odd) => {
          const body = (
            of: (one: { sent: unknown; left: unknown }) => unknown,
            say: (mixed: typeof args) => string,
          ) => ({
            messages: contents.map((one, i) => ({ role: i === 0 ? 'system' : 'user', content: of(one) })),
            function_call: { arguments: JSON.stringify({ a: [say(args)] }) },
            odd: { very: [say(odd)] },
          });
          const stripped = stripBody(
            body(
              ({ sent }) => sent,
              (mixed) => mixed.text,
            ),
          );
          expect(stripped).toStrictEqual(body(({ left }) => left, remainderOf));
          expect(JSON.stringify(stripped)).not.toMatch(/@@tokenhub/i);
        },
      ),
      { numRuns: 500 },
    );
  });
});
