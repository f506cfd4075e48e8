import { describe, expect, it } from '@jest/globals';
import type { OutputSpec } from '#contracts/orchestration.js';
import { againAfter, applyOutput, askAgain, askForFormat, nativeFormat } from './prompts.js';

const schema = { type: 'object', properties: { a: { type: 'integer' } } };
const json: OutputSpec = { format: 'json', schema, stripThink: false };
const plain: OutputSpec = { format: 'text', schema: null, stripThink: false };
const none: OutputSpec = { format: null, schema: null, stripThink: true };
const instruction = askForFormat(plain);
const user = { role: 'user', content: 'Hello' };

describe('askForFormat', () => {
  it('names the format, and gives the schema word for word', () => {
    expect(askForFormat(json)).toContain(`JSON Schema:\n${JSON.stringify(schema)}`);
    expect(askForFormat({ ...json, schema: null })).toMatch(/JSON only/);
    expect(askForFormat({ ...plain, format: 'xml' })).toMatch(/XML/);
    expect(askForFormat({ ...plain, format: 'markdown' })).toMatch(/Markdown/);
    expect(askForFormat(plain)).toMatch(/plain text/);
    expect(askForFormat(none)).toBeNull();
  });
});

describe('applyOutput', () => {
  it.each<[string, unknown[], unknown[]]>([
    ['a message in front when there is none', [user], [{ role: 'system', content: instruction }, user]],
    ['a message when there are none at all', [], [{ role: 'system', content: instruction }]],
    [
      'the last of several that begin the conversation',
      [
        { role: 'system', content: 'A' },
        { role: 'developer', content: 'B', name: 'n' },
        user,
        { role: 'system', content: 'C' },
      ],
      [
        { role: 'system', content: 'A' },
        { role: 'developer', content: `B\n\n${instruction}`, name: 'n' },
        user,
        { role: 'system', content: 'C' },
      ],
    ],
    [
      'a conversation of system messages',
      [{ role: 'system', content: 'A' }],
      [{ role: 'system', content: `A\n\n${instruction}` }],
    ],
    [
      'a message in front of a later system message',
      [user, { role: 'system', content: 'C' }],
      [{ role: 'system', content: instruction }, user, { role: 'system', content: 'C' }],
    ],
    [
      'an empty system message',
      [{ role: 'system', content: '' }, user],
      [{ role: 'system', content: instruction }, user],
    ],
    [
      'content of parts',
      [{ role: 'system', content: [{ type: 'text', text: 'A' }] }, user],
      [
        {
          role: 'system',
          content: [
            { type: 'text', text: 'A' },
            { type: 'text', text: instruction },
          ],
        },
        user,
      ],
    ],
  ])('puts the instruction into %s', (_, messages, expected) => {
    const body = { model: 'm', messages };
    const before = structuredClone(body);
    expect(applyOutput(body, plain)).toEqual({ model: 'm', messages: expected });
    expect(body).toEqual(before);
  });

  it('changes nothing when no format is asked for', () => {
    const body = { messages: [user] };
    expect(applyOutput(body, none)).toEqual(body);
  });
});

describe('againAfter', () => {
  const again = (text: string, errors = ['/a must be integer.']) => {
    const body = { model: 'm', messages: [user] };
    const { messages, ...rest } = againAfter(body, { text, errors, spec: json });
    expect(rest).toEqual({ model: 'm' });
    expect(body.messages).toHaveLength(1);
    return messages as { role: string; content: string }[];
  };

  it('shows the answer, its faults and the format again', () => {
    const errors = ['/a must be integer.', '/b must be string.'];
    expect(again('{"a": "x"}', errors)).toEqual([
      user,
      { role: 'assistant', content: '{"a": "x"}' },
      { role: 'user', content: askAgain(json, errors) },
    ]);
    expect(askAgain(json, errors)).toContain('- /a must be integer.\n- /b must be string.\n');
    expect(askAgain(json, errors)).toContain('whole answer');
    expect(askAgain(json, errors)).toContain(JSON.stringify(schema));
    expect(askAgain(none, errors)).not.toContain('null');
  });

  it('cuts a long answer in the middle, never a character in half', () => {
    for (const text of ['x'.repeat(20_001), '😀'.repeat(30_000), `a${'😀'.repeat(30_000)}`]) {
      const content = again(text)[1]?.content ?? '';
      expect(content.length).toBeLessThanOrEqual(20_000);
      expect(content.length).toBeGreaterThan(19_900);
      expect(content).toContain('characters left out');
      expect(content.isWellFormed()).toBe(true);
    }
    expect(again('x'.repeat(20_000))[1]?.content).toBe('x'.repeat(20_000));
  });

  it('says something where the model said nothing, because a provider refuses an empty message', () => {
    expect(again(' \n')[1]).toEqual({ role: 'assistant', content: '(nothing)' });
  });
});

describe('nativeFormat', () => {
  it('gives the schema as response_format, not strict', () => {
    expect(nativeFormat(json)).toEqual({ type: 'json_schema', json_schema: { name: 'answer', schema } });
  });

  it.each<[string, OutputSpec]>([
    ['no schema', { ...json, schema: null }],
    ['no format', { ...json, format: null }],
    ['a root that is no object, which OpenAI refuses', { ...json, schema: { type: 'array' } }],
    ['a root without a type', { ...json, schema: { $ref: '#/$defs/a' } }],
  ])('gives nothing for %s', (_, spec) => {
    expect(nativeFormat(spec)).toBeNull();
  });
});
