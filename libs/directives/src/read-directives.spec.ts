import { describe, expect, it } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { CallKind } from '#contracts/job-state.js';
import type { Directives } from './directives.js';
import { OBEYED_CHARACTERS, readDirectives } from './read-directives.js';

const chat = (...messages: [string, unknown][]): Record<string, unknown> => ({
  messages: messages.map(([role, content]) => ({ role, content })),
});
const user = (content: unknown): Record<string, unknown> => chat(['user', content]);
const read = (content: string): Directives => readDirectives('chat', user(content));
const text = (of: string): object => ({ type: 'text', text: of });
const IMAGE = { type: 'image_url', image_url: { url: 'https://a' } };

describe('what is obeyed', () => {
  it.each<[string, CallKind, Record<string, unknown>, Directives]>([
    ['no directive', 'chat', user('@@ tokenhub mode=cheap'), {}],
    ['the first system message', 'chat', chat(['system', '@@tokenhub mode=cheap'], ['user', 'a']), { mode: 'cheap' }],
    ['a developer message', 'chat', chat(['developer', '@@tokenhub mode=cheap'], ['user', 'a']), { mode: 'cheap' }],
    [
      'a system message that comes late',
      'chat',
      chat(['user', 'a'], ['system', '@@tokenhub mode=cheap']),
      { mode: 'cheap' },
    ],
    [
      'not the second system message',
      'chat',
      chat(['system', 'a'], ['developer', '@@tokenhub mode=x'], ['user', 'a']),
      {},
    ],
    [
      'the last user message',
      'chat',
      chat(['user', '@@tokenhub mode=x'], ['user', '@@tokenhub mode=cheap'], ['assistant', 'a']),
      { mode: 'cheap' },
    ],
    [
      'both places',
      'chat',
      chat(['system', '@@tokenhub mode=cheap'], ['user', '@@tokenhub budget=1']),
      { mode: 'cheap', budget: 1 },
    ],
    [
      'not the assistant, not tools',
      'chat',
      chat(['assistant', '@@tokenhub x'], ['tool', '@@tokenhub x'], ['function', '@@tokenhub']),
      {},
    ],
    [
      'adjacent parts as one',
      'chat',
      user([text('a @@tok'), text('enhub mode=ch'), text('eap\nb')]),
      { mode: 'cheap' },
    ],
    [
      'every run of parts',
      'chat',
      user([text('@@tokenhub mode=cheap'), IMAGE, text('@@tokenhub budget=2')]),
      { mode: 'cheap', budget: 2 },
    ],
    ['no content', 'chat', chat(['user', null]), {}],
    ['a prompt', 'completion', { prompt: 'a\n@@tokenhub mode=cheap' }, { mode: 'cheap' }],
    [
      'the first prompt of a list',
      'completion',
      { prompt: ['@@tokenhub mode=cheap', '@@tokenhub x'] },
      { mode: 'cheap' },
    ],
    ['token ids', 'completion', { prompt: [1, 2] }, {}],
    ['not embeddings', 'embedding', { input: '@@tokenhub mode=x' }, {}],
    ['not other fields', 'chat', { ...user('a'), user: '@@tokenhub mode=x', system: '@@tokenhub' }, {}],
  ])('%s', (_what, kind, body, directives) => expect(readDirectives(kind, body)).toStrictEqual(directives));

  it('begins within the first 2,048 characters of a message’s text, and ends there', () => {
    const line = '@@tokenhub mode=cheap';
    const after = (length: number): string => `${'x'.repeat(length)}${line}\nb`;
    expect(read(after(OBEYED_CHARACTERS - line.length))).toStrictEqual({ mode: 'cheap' });
    expect(() => read(after(OBEYED_CHARACTERS - line.length + 1))).toThrow(/too long/);
    expect(() => read(after(OBEYED_CHARACTERS - 1))).toThrow(/too long/);
    expect(read(after(OBEYED_CHARACTERS))).toStrictEqual({});
    expect(read(`@@tokenhub budget=1\n${after(OBEYED_CHARACTERS - 20)}`)).toStrictEqual({ budget: 1 });
    expect(readDirectives('chat', user([text('x'.repeat(2_000)), IMAGE, text(after(48))]))).toStrictEqual({});
    expect(() => readDirectives('chat', user([text('x'.repeat(2_000)), IMAGE, text(after(47))]))).toThrow(/too long/);
  });
});

describe('how directives are written', () => {
  it.each<[string, string, Directives]>([
    [
      'all keys of policy',
      'mode=high_confidence budget=0.01 latency=5000 min_weight=5.5',
      { mode: 'high_confidence', budget: 0.01, latency: 5_000, min_weight: 5.5 },
    ],
    [
      'all keys of an orchestration',
      'mode=adversarial iterations=2 primary_min_weight=1 review_min_weight=10 primary_model_id=a/b:c review_model_id=m return_plan_only=true',
      {
        mode: 'adversarial',
        iterations: 2,
        primary_min_weight: 1,
        review_min_weight: 10,
        primary_model_id: 'a/b:c',
        review_model_id: 'm',
        return_plan_only: true,
      },
    ],
    [
      'an output',
      'output_format=json output_schema={"a":"}"} include_decision=false',
      { output_format: 'json', output_schema: { a: '}' }, include_decision: false },
    ],
    [
      'a schema with blanks, then more',
      'output_schema={"a": {"b": "\\"{"}} mode=vote',
      { output_schema: { a: { b: '"{' } }, mode: 'vote' },
    ],
    [
      'quoted values',
      'mode="planning" output_schema="{\\"a\\": 1}" primary_model_id="my model"',
      { mode: 'planning', output_schema: { a: 1 }, primary_model_id: 'my model' },
    ],
    ['blanks', ' \t mode = cheap \t budget= 1 ', { mode: 'cheap', budget: 1 }],
    ['the same twice', 'mode=cheap mode=cheap budget=0.10 budget=.1', { mode: 'cheap', budget: 0.1 }],
    ['exponents', 'budget=1e-3', { budget: 0.001 }],
    [
      'the least',
      'budget=0.000001 latency=1 min_weight=0 iterations=1',
      { budget: 0.000001, latency: 1, min_weight: 0, iterations: 1 },
    ],
    [
      'the most',
      'budget=100 latency=300000 min_weight=10 iterations=10',
      { budget: 100, latency: 300_000, min_weight: 10, iterations: 10 },
    ],
  ])('on one line: %s', (_what, pairs, directives) => {
    expect(read(`a @@tokenhub ${pairs}\nb`)).toStrictEqual(directives);
    expect(read(`@@TokenHub ${pairs}`)).toStrictEqual(directives);
  });

  it.each<[string, string, Directives]>([
    ['pairs', '\nmode=cheap\nbudget=1\n', { mode: 'cheap', budget: 1 }],
    ['CRLF, blanks and empty lines', ' \r\n\r\n  mode =\tcheap  \r\n\t\r\nbudget=1\r\n', { mode: 'cheap', budget: 1 }],
    ['a CR alone', '\rmode=cheap\rbudget=1\r', { mode: 'cheap', budget: 1 }],
    ['nothing', '\n', {}],
    [
      'the rest of a line as a schema',
      '\noutput_schema= {"a": {"b": "c d"}}\n',
      { output_schema: { a: { b: 'c d' } } },
    ],
    ['quotes', '\nmode="cheap"\nprimary_model_id="a b"\nmode=cheap\n', { mode: 'cheap', primary_model_id: 'a b' }],
    ['an end on the last pair’s line', '\nmode=cheap ', { mode: 'cheap' }],
  ])('in a block: %s', (_what, pairs, directives) => {
    expect(read(`a\n@@tokenhub${pairs}@@end b`)).toStrictEqual(directives);
  });
});

describe('what is refused', () => {
  it.each<[string, string, string]>([
    ['an unknown key', ' spede=1', '.spede'],
    ['a key of another case', ' Mode=cheap', '.Mode'],
    ['a key of the prototype', ' __proto__=1', '.__proto__'],
    ['constructor', ' constructor=1', '.constructor'],
    ['a mode', ' mode=fast', '.mode'],
    ['no value', ' mode=', '.mode'],
    ['no equals sign', ' mode=cheap budget', '.budget'],
    ['a budget of nothing', ' budget=0', '.budget'],
    ['a budget below nothing', ' budget=-1', '.budget'],
    ['a budget over the most', ' budget=100.01', '.budget'],
    ['a budget in words', ' budget=$1', '.budget'],
    ['no number', ' budget=NaN', '.budget'],
    ['Infinity', ' budget=Infinity', '.budget'],
    ['a hexadecimal budget', ' budget=0x1', '.budget'],
    ['latency of nothing', ' latency=0', '.latency'],
    ['latency over the most', ' latency=300001', '.latency'],
    ['half a millisecond', ' latency=0.5', '.latency'],
    ['a weight over the most', ' min_weight=10.1', '.min_weight'],
    ['a weight below nothing', ' review_min_weight=-1', '.review_min_weight'],
    ['no iteration', ' iterations=0', '.iterations'],
    ['eleven iterations', ' iterations=11', '.iterations'],
    ['a flag in words', ' return_plan_only=yes', '.return_plan_only'],
    ['an empty model id', ' primary_model_id=""', '.primary_model_id'],
    ['a model id of 257 characters', ` primary_model_id=${'m'.repeat(257)}`, '.primary_model_id'],
    ['a model id with a line end', ' primary_model_id="a\\nb"', '.primary_model_id'],
    ['a model id with a directive', ' primary_model_id=@@tokenhub', '.primary_model_id'],
    ['a schema that is no object', ' output_schema=[1]', '.output_schema'],
    ['a schema that is no JSON', ' output_schema={a:1}', '.output_schema'],
    ['a schema with an open brace', ' output_schema={"a":1', '.output_schema'],
    ['a schema with a directive in escapes', ' output_schema={"a":"\\u0040@tokenhub"}', '.output_schema'],
    ['an unknown format', ' output_format=yaml', '.output_format'],
    ['an open quote', ' mode="cheap', '.mode'],
    ['a wrong escape', ' mode="ch\\xeap"', '.mode'],
    ['text after a quote', ' mode="cheap"er', ''],
    ['two values for one key', ' mode=cheap mode=normal', '.mode'],
    ['text', ' is how it begins', ''],
    ['no blank after the marker', 'mode=cheap', ''],
    ['a second one on the line', ' mode=cheap @@tokenhub budget=1', ''],
    ['an end on the line', ' mode=cheap @@end', ''],
    ['a line without a pair', '\nmode=cheap\nsecret\n@@end', ''],
    ['a key without a value in a block', '\nbudget\n@@end', '.budget'],
    ['a wrong quote in a block', '\nmode="cheap" x\n@@end', '.mode'],
    ['an unclosed block', '\nmode=cheap\n', ''],
    ['an unclosed block at the very end', '', ''],
    ['a block with a marker in it', '\nmode=cheap\n@@tokenhub budget=1\n@@end', ''],
    ['100 kB', ` primary_model_id=${'secret'.repeat(17_000)}`, ''],
    ['a block of 100 kB', `\n${'mode=cheap\n'.repeat(9_000)}@@end`, ''],
  ])('%s', (_what, directive, key) => {
    const error = thrownBy(() => read(`a @@tokenhub${directive}`));
    expect(error).toMatchObject({ code: 'invalid_value', options: { param: `@@tokenhub${key}` } });
    expect(error.message).toMatch(/^'@@tokenhub[^']*' .*[^.]\.$/);
    expect(error.message.length).toBeLessThan(200);
  });

  it.each(['mode=vote', 'output_format=json', 'output_schema={}'])('%s in a completion', (pair) => {
    const error = thrownBy(() => readDirectives('completion', { prompt: `@@tokenhub ${pair}\na` }));
    expect(error.options.param).toBe(`@@tokenhub.${pair.split('=')[0] ?? ''}`);
    expect(readDirectives('chat', user(`@@tokenhub ${pair}`))).not.toStrictEqual({});
  });

  it('two places that contradict each other', () => {
    const body = chat(['system', '@@tokenhub mode=cheap'], ['user', '@@tokenhub mode=normal']);
    expect(thrownBy(() => readDirectives('chat', body)).options.param).toBe('@@tokenhub.mode');
  });

  it('one that is made of the pieces around another', () => {
    expect(thrownBy(() => read('@@tok@@tokenhub\n@@endenhub mode=cheap')).options.param).toBe('@@tokenhub');
  });

  it('nothing of a directive is repeated but the name of its key', () => {
    for (const directive of [
      ' mode=SECRET',
      ' SECRET is here',
      ` ${'SECRET'.repeat(9)}=1`,
      '\nSECRET\n@@end',
      ' mode="SECRET',
      'SECRET mode=x',
    ]) {
      const error = thrownBy(() => read(`@@tokenhub${directive}`));
      expect(JSON.stringify([error.message, error.options])).not.toContain('SECRET');
    }
  });
});

function thrownBy(act: () => unknown): TokenhubError {
  try {
    act();
  } catch (error) {
    if (error instanceof TokenhubError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
