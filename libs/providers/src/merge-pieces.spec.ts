import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import { hasContent, mergePieces } from './merge-pieces.js';
import type { StreamedPiece } from './provider-adapter.js';

const piece = (...choices: ChoiceDelta[]): StreamedPiece => ({ choices, envelope: {} });
const delta = (fields: Record<string, unknown>, rest: Record<string, unknown> = {}): ChoiceDelta => ({
  index: 0,
  delta: fields,
  ...rest,
});

describe('merging pieces', () => {
  test.each<[string, ChoiceDelta[], ChoiceDelta]>([
    [
      'texts',
      [delta({ role: 'assistant', content: '' }), delta({ content: 'Gu' }), delta({ content: 'ten' })],
      delta({ role: 'assistant', content: 'Guten' }),
    ],
    [
      'refusals and reasoning',
      [
        delta({ refusal: 'I ', reasoning: 'a', reasoning_content: 'x' }),
        delta({ refusal: 'may not', reasoning: 'b', reasoning_content: 'y' }),
      ],
      delta({ refusal: 'I may not', reasoning: 'ab', reasoning_content: 'xy' }),
    ],
    [
      'the first role, the last finish',
      [
        delta({ role: 'assistant' }, { finish_reason: null }),
        delta({ role: 'other' }, { finish_reason: 'stop' }),
        delta({}, { finish_reason: null }),
      ],
      delta({ role: 'assistant' }, { finish_reason: 'stop' }),
    ],
    [
      'null fills only what is absent',
      [delta({ content: null }), delta({ content: 'a' }), delta({ content: null })],
      delta({ content: 'a' }),
    ],
    [
      'unknown fields, the last',
      [delta({ mood: 1 }, { stop_reason: 1 }), delta({ mood: { a: 2 } }, { stop_reason: 2 })],
      delta({ mood: { a: 2 } }, { stop_reason: 2 }),
    ],
    [
      'completions',
      [
        { index: 0, text: 'a' },
        { index: 0, text: 'b', finish_reason: 'length' },
      ],
      { index: 0, text: 'ab', finish_reason: 'length' },
    ],
    [
      'logprobs',
      [
        delta({}, { logprobs: { content: [{ token: 'a' }], refusal: null } }),
        delta({}, { logprobs: null }),
        delta({}, { logprobs: { content: [{ token: 'b' }] } }),
      ],
      delta({}, { logprobs: { content: [{ token: 'a' }, { token: 'b' }], refusal: null } }),
    ],
    [
      'token ids',
      [delta({}, { token_ids: [1] }), delta({}, { token_ids: [2, 3] })],
      delta({}, { token_ids: [1, 2, 3] }),
    ],
    [
      'a function call',
      [delta({ function_call: { name: 'f', arguments: '' } }), delta({ function_call: { arguments: '{}' } })],
      delta({ function_call: { name: 'f', arguments: '{}' } }),
    ],
    [
      'audio',
      [
        delta({ audio: { id: 'a', transcript: 'Hi' } }),
        delta({ audio: { transcript: ' you', data: 'AA' } }),
        delta({ audio: { data: 'BB' } }),
      ],
      delta({ audio: { id: 'a', transcript: 'Hi you', data: 'AABB' } }),
    ],
  ])('%s', (_name, choices, expected) => {
    expect(mergePieces(choices.map((choice) => piece(choice)))).toEqual([expected]);
  });

  test('tool calls join by index and keep their first id, type and name', () => {
    const calls = [
      [{ index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '' } }],
      [{ index: 1, id: 'call_2', type: 'function', function: { name: 'g', arguments: '{' } }],
      [
        { index: 0, id: '', function: { name: null, arguments: '{"a":' } },
        { index: 1, id: 'call_9', function: { name: 'h', arguments: '}' } },
      ],
      [{ index: 0, function: { arguments: '1}' } }],
    ];
    expect(mergePieces(calls.map((each) => piece(delta({ tool_calls: each }))))).toEqual([
      delta({
        tool_calls: [
          { index: 0, id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":1}' } },
          { index: 1, id: 'call_2', type: 'function', function: { name: 'g', arguments: '{}' } },
        ],
      }),
    ]);
  });

  test('tool calls without an index stay apart', () => {
    const whole = (id: string): unknown => ({ id, function: { name: 'f', arguments: '{}' } });
    const merged = mergePieces([
      piece(delta({ tool_calls: [whole('a')] })),
      piece(delta({ tool_calls: [whole('b')] })),
    ]);
    expect(merged).toEqual([delta({ tool_calls: [whole('a'), whole('b')] })]);
  });

  test('several choices stay apart, in order of appearance', () => {
    const merged = mergePieces([
      piece({ index: 1, text: 'b' }),
      piece({ index: 0, text: 'a' }, { index: 1, text: 'B' }),
    ]);
    expect(merged).toEqual([
      { index: 1, text: 'bB' },
      { index: 0, text: 'a' },
    ]);
  });
});

const name = fc.constantFrom('content', 'refusal', 'reasoning', 'role', 'mood');
const toolCall = fc.record(
  {
    index: fc.nat(2),
    id: fc.string(),
    function: fc.record({ name: fc.string(), arguments: fc.string() }, { requiredKeys: [] }),
  },
  { requiredKeys: ['index'] },
);
const choice: fc.Arbitrary<ChoiceDelta> = fc
  .record(
    {
      index: fc.nat(2),
      text: fc.string(),
      delta: fc
        .tuple(fc.dictionary(name, fc.option(fc.string())), fc.array(toolCall, { maxLength: 3 }))
        .map(([fields, calls]) => ({ ...fields, ...(calls.length > 0 ? { tool_calls: calls } : {}) })),
      logprobs: fc.option(fc.record({ content: fc.array(fc.nat()) })),
      finish_reason: fc.option(fc.constantFrom('stop', 'length')),
    },
    { requiredKeys: ['index'] },
  )
  .map((each) => each as ChoiceDelta);
const pieces = fc.array(
  fc.array(choice, { maxLength: 3 }).map((choices) => piece(...choices)),
  { maxLength: 12 },
);

describe('for any stream', () => {
  test('merging groups first changes nothing in the outcome', () => {
    fc.assert(
      fc.property(pieces, fc.nat(12), fc.nat(12), (all, a, b) => {
        const [from, to] = [Math.min(a, b), Math.max(a, b)];
        const groups = [all.slice(0, from), all.slice(from, to), all.slice(to)].map((group) =>
          piece(...mergePieces(group)),
        );
        expect(mergePieces(groups)).toEqual(mergePieces(all));
      }),
    );
  });

  test('the pieces stay as they were', () => {
    fc.assert(
      fc.property(pieces, (all) => {
        const before = structuredClone(all);
        mergePieces(all);
        expect(all).toEqual(before);
      }),
    );
  });
});

test.each<[boolean, ChoiceDelta[]]>([
  [false, []],
  [false, [delta({ role: 'assistant', content: '', refusal: null })]],
  [false, [delta({}, { finish_reason: 'stop' })]],
  [false, [{ index: 0, text: '' }]],
  [false, [delta({ tool_calls: [] })]],
  [true, [delta({}), { index: 1, delta: { content: 'a' } }]],
  [true, [delta({ tool_calls: [{ index: 0, id: 'call_1' }] })]],
  [true, [delta({ refusal: 'no' })]],
  [true, [delta({ reasoning: 'hm' })]],
  [true, [delta({ reasoning_content: 'hm' })]],
  [true, [{ index: 0, text: 'a' }]],
])('content: %s for %j', (expected, choices) => {
  expect(hasContent(choices)).toBe(expected);
});
