import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import type { ChoiceDelta, OutputDelta } from '#contracts/output-delta.js';
import { mergePieces } from '#providers/merge-pieces.js';
import type { StreamedPiece } from '#providers/provider-adapter.js';
import { OutputWriter, type OutputWriterOptions } from './output-writer.js';

type Reply = Awaited<ReturnType<OutputWriterOptions['emit']>>;

const ENVELOPE = { id: 'chatcmpl-1' };
const piece = (...choices: ChoiceDelta[]): StreamedPiece => ({ choices, envelope: ENVELOPE });
const says = (content: string): StreamedPiece => piece({ index: 0, delta: { content } });
const ROLE = piece({ index: 0, delta: { role: 'assistant', content: '' } });
const END = piece({ index: 0, delta: {}, finish_reason: 'stop' });

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function started(emit: (delta: string) => Promise<Reply> = () => Promise.resolve('ok')) {
  const emitted: OutputDelta[] = [];
  const onStop = jest.fn<OutputWriterOptions['onStop']>();
  const onError = jest.fn<OutputWriterOptions['onError']>();
  const writer = new OutputWriter({
    attempt: 3,
    step: null,
    emit: (json) => {
      emitted.push(JSON.parse(json) as OutputDelta);
      return emit(json);
    },
    onStop,
    onError,
  });
  return { writer, emitted, onStop, onError };
}

const tick = (ms = 0): Promise<void> => jest.advanceTimersByTimeAsync(ms);
const texts = (emitted: OutputDelta[]): unknown[] => emitted.map(({ choices }) => choices[0]?.delta?.content);

/** An emit that answers when the test says so. */
function slow(): { emit: () => Promise<Reply>; answer: (reply: Reply) => Promise<void> } {
  const waiting: ((reply: Reply) => void)[] = [];
  return {
    emit: () => new Promise((resolve) => waiting.push(resolve)),
    answer: async (reply) => {
      waiting.shift()?.(reply);
      await tick();
    },
  };
}

describe('before the first content', () => {
  it('nothing is written, however long it takes', async () => {
    const { writer, emitted } = started();
    writer.write(ROLE);
    writer.write(piece({ index: 0, delta: {} }));
    await tick(60_000);
    expect(emitted).toStrictEqual([]);
    expect(writer.committed).toBe(false);
  });

  it('what was held back goes out with the content, at once and as one', async () => {
    const { writer, emitted } = started();
    writer.write(ROLE);
    writer.write(says('a'));
    await tick();
    expect(emitted).toStrictEqual([
      { attempt: 3, choices: [{ index: 0, delta: { role: 'assistant', content: 'a' } }], envelope: ENVELOPE },
    ]);
    expect(writer.committed).toBe(true);
  });

  it.each<[string, ChoiceDelta]>([
    ['a tool call', { index: 0, delta: { tool_calls: [{ index: 0, id: 'c' }] } }],
    ['a refusal', { index: 0, delta: { refusal: 'no' } }],
    ['reasoning', { index: 0, delta: { reasoning_content: 'hm' } }],
    ['a completion’s text', { index: 0, text: 'a' }],
  ])('%s is content', async (_name, choice) => {
    const { writer, emitted } = started();
    writer.write(piece(choice));
    await tick();
    expect(emitted).toHaveLength(1);
  });

  it('an answer without any content is written by the flush', async () => {
    const { writer, emitted } = started();
    writer.write(ROLE);
    writer.write(END);
    await writer.flush();
    expect(emitted).toHaveLength(1);
    expect(emitted[0]?.choices[0]?.finish_reason).toBe('stop');
  });
});

describe('after it', () => {
  it('what comes within 20 ms is one delta', async () => {
    const { writer, emitted } = started();
    for (const text of ['a', 'b', 'c']) writer.write(says(text));
    await tick(19);
    expect(texts(emitted)).toStrictEqual(['a']);
    await tick(1);
    expect(texts(emitted)).toStrictEqual(['a', 'bc']);
    writer.write(says('d'));
    await tick(19);
    writer.write(says('e'));
    await tick(1);
    expect(texts(emitted)).toStrictEqual(['a', 'bc', 'de']);
    await tick(1_000);
    expect(emitted).toHaveLength(3);
  });

  it('only the first delta has the envelope', async () => {
    const { writer, emitted } = started();
    writer.write(says('a'));
    writer.write({ ...says('b'), envelope: { id: 'other' } });
    await writer.flush();
    expect(emitted.map((delta) => delta.envelope)).toStrictEqual([ENVELOPE, undefined]);
  });

  it('a flush writes at once what was waiting, and leaves no timer', async () => {
    const { writer, emitted } = started();
    writer.write(says('a'));
    writer.write(says('b'));
    await writer.flush();
    expect(texts(emitted)).toStrictEqual(['a', 'b']);
    expect(jest.getTimerCount()).toBe(0);
  });
});

describe('when writing is slow', () => {
  it('one delta is written at a time, in order, and a flush waits for the last', async () => {
    const { emit, answer } = slow();
    const { writer, emitted } = started(emit);
    for (const text of ['a', 'b', 'c']) {
      writer.write(says(text));
      await tick(20);
    }
    expect(texts(emitted)).toStrictEqual(['a']);
    let flushed = false;
    const flushing = writer.flush().then(() => (flushed = true));
    await answer('ok');
    await answer('ok');
    expect(texts(emitted)).toStrictEqual(['a', 'b', 'c']);
    expect(flushed).toBe(false);
    await answer('ok');
    await flushing;
  });
});

describe('an end from outside', () => {
  it.each([
    ['refused', 'lock_lost'],
    ['stop', 'stopped'],
  ] as const)('the reply %s stops the run as %s, once, and nothing more is written', async (reply, reason) => {
    const { writer, emitted, onStop, onError } = started(() => Promise.resolve(reply));
    writer.write(says('a'));
    await tick();
    writer.write(says('b'));
    await tick(20);
    await writer.flush();
    expect(onStop.mock.calls).toStrictEqual([[reason]]);
    expect(onError).not.toHaveBeenCalled();
    expect(texts(emitted)).toStrictEqual(['a']);
  });

  it('what waited behind a refused delta is not written', async () => {
    const { emit, answer } = slow();
    const { writer, emitted, onStop } = started(emit);
    writer.write(says('a'));
    writer.write(says('b'));
    await tick(20);
    await answer('refused');
    expect(texts(emitted)).toStrictEqual(['a']);
    expect(onStop).toHaveBeenCalledTimes(1);
  });

  it('writing that fails is reported once, not thrown into the void', async () => {
    const broken = new Error('OOM command not allowed');
    const { writer, emitted, onStop, onError } = started(() => Promise.reject(broken));
    writer.write(says('a'));
    writer.write(says('b'));
    await tick(20);
    await writer.flush();
    expect(onError.mock.calls).toStrictEqual([[broken]]);
    expect(onStop).not.toHaveBeenCalled();
    expect(emitted).toHaveLength(1);
  });

  it('what is discarded is never written, and no timer is left', async () => {
    const { writer, emitted } = started();
    writer.write(says('a'));
    writer.write(says('b'));
    writer.discard();
    writer.write(says('c'));
    expect(jest.getTimerCount()).toBe(0);
    await tick(1_000);
    await writer.flush();
    expect(texts(emitted)).toStrictEqual([]);
  });
});

it('the text for counting has all that was said', () => {
  const { writer } = started();
  writer.write(says('Hi '));
  writer.write(
    piece({ index: 0, delta: { reasoning: 'because', tool_calls: [{ function: { arguments: '{"a":1}' } }] } }),
  );
  writer.write(piece({ index: 0, text: ' there' }, { index: 1, text: '!' }));
  for (const part of ['Hi ', 'because', 'arguments', ' there', '!']) expect(writer.text).toContain(part);
});

const choice: fc.Arbitrary<ChoiceDelta> = fc
  .record(
    {
      index: fc.nat(2),
      text: fc.string(),
      delta: fc.record(
        {
          role: fc.constant('assistant'),
          content: fc.option(fc.string()),
          reasoning: fc.string(),
          tool_calls: fc.array(
            fc.record({
              index: fc.nat(1),
              id: fc.string(),
              function: fc.record({ name: fc.string(), arguments: fc.string() }),
            }),
            { maxLength: 2 },
          ),
        },
        { requiredKeys: [] },
      ),
      finish_reason: fc.option(fc.constantFrom('stop', 'length')),
    },
    { requiredKeys: ['index'] },
  )
  .map((each) => each as ChoiceDelta);
const schedule = fc.array(
  fc.record({
    choices: fc.array(choice, { maxLength: 3 }),
    pauseMs: fc.constantFrom(0, 0, 5, 20, 50),
    emitMs: fc.nat(60),
  }),
  { maxLength: 15 },
);

it('for any stream and any timing, a reader ends with what the pieces say', async () => {
  await fc.assert(
    fc.asyncProperty(schedule, async (steps) => {
      let step = 0;
      const { writer, emitted } = started(
        () => new Promise((resolve) => setTimeout(() => resolve('ok'), steps[step++ % steps.length]?.emitMs)),
      );
      for (const { choices, pauseMs } of steps) {
        writer.write(piece(...choices));
        await tick(pauseMs);
      }
      const flushing = writer.flush();
      await tick(10_000);
      await flushing;
      const read = emitted.map(({ choices }) => piece(...choices));
      const said = steps.map(({ choices }) => piece(...choices));
      // Through JSON, as the deltas went: undefined is absent there.
      expect(mergePieces(read)).toStrictEqual(JSON.parse(JSON.stringify(mergePieces(said))));
    }),
    { numRuns: 150 },
  );
});
