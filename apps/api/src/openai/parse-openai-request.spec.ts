import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import { parseOpenAiRequest } from './parse-openai-request.js';

const messages = [{ role: 'user', content: 'hi' }];

it('the least, with the defaults of somebody who waits', () => {
  expect(parseOpenAiRequest('chat', { messages })).toStrictEqual({
    kind: 'chat',
    body: { messages },
    policy: { ...DEFAULT_POLICY, priority: 'high' },
    metadata: {},
    stream: false,
    includeUsage: false,
  });
});

it('what is Tokenhub’s own never stays in the body; all else does, uncopied', () => {
  const raw = {
    messages,
    metadata: { theirs: '1' },
    odd: null,
    tokenhub: { policy: { mode: 'cheap', priority: 'low' }, metadata: { ours: '2' } },
  };
  const { body, policy, metadata } = parseOpenAiRequest('chat', raw);
  expect(body).toStrictEqual({ messages, metadata: { theirs: '1' }, odd: null });
  expect(body.messages).toBe(messages);
  expect(policy).toMatchObject({ mode: 'cheap', priority: 'low' });
  expect(metadata).toStrictEqual({ ours: '2' });
  expect(raw.tokenhub).toBeDefined();
});

describe('streaming', () => {
  it.each<['chat' | 'completion' | 'embedding', object, boolean, boolean]>([
    ['chat', { messages, stream: true }, true, false],
    ['chat', { messages, stream: false }, false, false],
    ['chat', { messages, stream: null, stream_options: null }, false, false],
    ['chat', { messages, stream: true, stream_options: { include_usage: true } }, true, true],
    ['chat', { messages, stream: true, stream_options: { include_usage: false } }, true, false],
    ['chat', { messages, stream: true, stream_options: {} }, true, false],
    ['completion', { prompt: 'a', stream: true }, true, false],
    ['embedding', { input: 'a', stream: true }, false, false],
  ])('%s %j', (kind, raw, stream, includeUsage) => {
    expect(parseOpenAiRequest(kind, raw)).toMatchObject({ stream, includeUsage });
  });
});

it.each<[unknown, string, string | undefined]>([
  [null, 'invalid_type', undefined],
  [[], 'invalid_type', undefined],
  ['{}', 'invalid_type', undefined],
  [{}, 'missing_required_parameter', 'messages'],
  [{ messages, tokenhub: 'cheap' }, 'invalid_type', 'tokenhub'],
  [{ messages, tokenhub: [] }, 'invalid_type', 'tokenhub'],
  [{ messages, tokenhub: { mode: 'cheap' } }, 'unknown_parameter', 'tokenhub.mode'],
  [{ messages, tokenhub: { policy: { mode: 'x' } } }, 'invalid_value', 'tokenhub.policy.mode'],
  [{ messages, tokenhub: { policy: [] } }, 'invalid_type', 'tokenhub.policy'],
  [{ messages, tokenhub: { metadata: { a: 1 } } }, 'invalid_value', 'tokenhub.metadata'],
])('%j is refused with %s', (raw, code, param) => {
  const act = (): unknown => parseOpenAiRequest('chat', raw);
  expect(act).toThrow(expect.objectContaining({ code }));
  expect(act).toThrow(
    expect.objectContaining({ options: param === undefined ? {} : expect.objectContaining({ param }) }),
  );
});
