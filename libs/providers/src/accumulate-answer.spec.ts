import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { JsonObject } from '#contracts/json.js';
import type { ChoiceDelta } from '#contracts/output-delta.js';
import { mergePieces } from './merge-pieces.js';
import type { StreamedPiece } from './provider-adapter.js';
import { AnswerAccumulator } from './accumulate-answer.js';

const ENVELOPE = { id: 'chatcmpl-1', object: 'chat.completion.chunk', created: 1, model: 'm' };

function accumulate(choices: ChoiceDelta[][], kind: 'chat' | 'completion' = 'chat'): JsonObject[] {
  return accumulatePieces(
    choices.map((each) => ({ choices: each, envelope: ENVELOPE })),
    kind,
  );
}

function accumulatePieces(pieces: StreamedPiece[], kind: 'chat' | 'completion' = 'chat'): JsonObject[] {
  const answer = new AnswerAccumulator(kind);
  for (const piece of pieces) answer.add(piece);
  return answer.toBody().choices as JsonObject[];
}

const delta = (fields: JsonObject, rest: JsonObject = {}): ChoiceDelta => ({ index: 0, delta: fields, ...rest });
const END = delta({}, { finish_reason: 'stop' });

describe('the body of an accumulated stream', () => {
  test('is the body of a plain answer', () => {
    const answer = new AnswerAccumulator('chat');
    answer.add({ choices: [delta({ role: 'assistant', content: '' })], envelope: { ...ENVELOPE, service_tier: null } });
    answer.add({
      choices: [delta({ content: 'Hi' }), END],
      envelope: { ...ENVELOPE, id: 'another', service_tier: 'default' },
    });
    answer.addUsage({ prompt_tokens: 1 });
    answer.addUsage({ prompt_tokens: 1, completion_tokens: 2 });
    expect(answer.toBody()).toEqual({
      id: 'chatcmpl-1',
      object: 'chat.completion',
      created: 1,
      model: 'm',
      choices: [
        {
          index: 0,
          message: { role: 'assistant', content: 'Hi', refusal: null },
          logprobs: null,
          finish_reason: 'stop',
        },
      ],
      usage: { prompt_tokens: 1, completion_tokens: 2 },
      service_tier: 'default',
    });
  });

  test('has its choices and tool calls in order of their index, and types where a vendor left them out', () => {
    const choices = accumulate([
      [{ index: 1, delta: { content: 'b' }, finish_reason: 'stop' }],
      [delta({ tool_calls: [{ index: 1, id: 'y', function: { name: 'g', arguments: '{}' } }] })],
      [delta({ tool_calls: [{ index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } }] }), END],
    ]);
    expect(choices.map(({ message }) => message)).toEqual([
      {
        role: 'assistant',
        content: null,
        refusal: null,
        tool_calls: [
          { id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } },
          { id: 'y', type: 'function', function: { name: 'g', arguments: '{}' } },
        ],
      },
      { role: 'assistant', content: 'b', refusal: null },
    ]);
  });

  test('has no text beside calls where a vendor opens every message with an empty one', () => {
    const call = { index: 0, id: 'x', type: 'function', function: { name: 'f', arguments: '{}' } };
    const [calling] = accumulate([[delta({ role: 'assistant', content: '' })], [delta({ tool_calls: [call] }), END]]);
    expect(calling?.message).toMatchObject({ content: null });
    const [silent] = accumulate([[delta({ role: 'assistant', content: '' })], [END]]);
    expect(silent?.message).toMatchObject({ content: '' });
  });

  test('keeps reasoning, refusals, logprobs and what it does not know', () => {
    const [choice] = accumulate([
      [
        delta(
          { reasoning_content: 'let ', reasoning: 'l', refusal: 'I ' },
          { logprobs: { content: [{ token: 'I' }] } },
        ),
      ],
      [
        delta(
          { reasoning_content: 'me', reasoning: 'm', refusal: 'cannot', mood: 'sad' },
          { logprobs: { content: [{ token: 'c' }] }, stop_reason: 5 },
        ),
        END,
      ],
    ]);
    expect(choice).toEqual({
      index: 0,
      message: {
        role: 'assistant',
        content: null,
        reasoning_content: 'let me',
        reasoning: 'lm',
        refusal: 'I cannot',
        mood: 'sad',
      },
      logprobs: { content: [{ token: 'I' }, { token: 'c' }] },
      finish_reason: 'stop',
      stop_reason: 5,
    });
  });

  test('of a completion has texts', () => {
    expect(
      accumulate(
        [[{ index: 0, text: 'a' }], [{ index: 0, text: 'b', finish_reason: 'length', logprobs: { tokens: ['b'] } }]],
        'completion',
      ),
    ).toEqual([{ text: 'ab', index: 0, logprobs: { tokens: ['b'] }, finish_reason: 'length' }]);
  });
});

test('an answer has finished when every choice has, and a failure in place of a reason is no finish', () => {
  const answer = new AnswerAccumulator('chat');
  expect(answer.hasFinished()).toBe(false);
  answer.add({ choices: [END, { index: 1, delta: { content: 'b' } }], envelope: {} });
  expect(answer.hasFinished()).toBe(false);
  answer.add({ choices: [{ index: 1, delta: {}, finish_reason: 'abort' }], envelope: {} });
  expect(answer.hasFinished()).toBe(false);
  answer.add({ choices: [{ index: 1, delta: {}, finish_reason: 'length' }], envelope: {} });
  expect([answer.hasFinished(), answer.hasFinished(2), answer.hasFinished(3)]).toEqual([true, true, false]);
});

describe('for any split', () => {
  const parts = fc.array(fc.string({ unit: 'grapheme' }), { minLength: 1, maxLength: 20 });

  test('a text and arguments come together again', () => {
    fc.assert(
      fc.property(parts, parts, parts, (texts, first, second) => {
        const call = (index: number, id: string, args: string[]): ChoiceDelta[] => [
          delta({ tool_calls: [{ index, id, type: 'function', function: { name: id, arguments: '' } }] }),
          ...args.map((piece) => delta({ tool_calls: [{ index, function: { arguments: piece } }] })),
        ];
        const [choice] = accumulate(
          [...texts.map((text) => delta({ content: text })), ...call(0, 'a', first), ...call(1, 'b', second), END].map(
            (each) => [each],
          ),
        );
        expect(choice?.message).toEqual({
          role: 'assistant',
          content: texts.join('') || null,
          refusal: null,
          tool_calls: [
            { id: 'a', type: 'function', function: { name: 'a', arguments: first.join('') } },
            { id: 'b', type: 'function', function: { name: 'b', arguments: second.join('') } },
          ],
        });
      }),
    );
  });

  test('accumulating merged pieces equals accumulating the pieces', () => {
    const arbitrary = fc.array(
      fc
        .record({ index: fc.nat(1), content: fc.string(), args: fc.string(), call: fc.nat(1) })
        .map(({ index, content, args, call }) => ({
          choices: [
            {
              index,
              delta: { content, tool_calls: [{ index: call, function: { arguments: args } }] },
              logprobs: { content: [args] },
            },
          ],
          envelope: ENVELOPE,
        })),
      { maxLength: 10 },
    );
    fc.assert(
      fc.property(arbitrary, fc.nat(10), (pieces, cut) => {
        const grouped = [pieces.slice(0, cut), pieces.slice(cut)].map((group) => ({
          choices: mergePieces(group),
          envelope: ENVELOPE,
        }));
        expect(accumulatePieces(grouped)).toEqual(accumulatePieces(pieces));
      }),
    );
  });
});
