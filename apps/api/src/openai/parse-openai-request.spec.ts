import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import { defaultOrchestration } from '#contracts/orchestration.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import { parseOpenAiRequest } from './parse-openai-request.js';

const messages = [{ role: 'user', content: 'hi' }];

it('the least, with the defaults of somebody who waits', () => {
  expect(parseOpenAiRequest('chat', { messages })).toStrictEqual({
    kind: 'chat',
    body: { messages },
    policy: { ...DEFAULT_POLICY, priority: 'high' },
    metadata: {},
    orchestration: null,
    output: null,
    stream: false,
    includeUsage: false,
    includeDecision: false,
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

it('an orchestration and an output ride in the body, and somebody waits for it', () => {
  const tokenhub = { orchestration: { mode: 'refine' }, output: { format: 'markdown' } };
  expect(parseOpenAiRequest('chat', { messages, stream: true, tokenhub })).toStrictEqual({
    kind: 'chat',
    body: { messages, stream: true },
    policy: { ...DEFAULT_POLICY, priority: 'high' },
    metadata: {},
    orchestration: defaultOrchestration('refine'),
    output: { format: 'markdown', schema: null, stripThink: true },
    stream: true,
    includeUsage: false,
    includeDecision: false,
  });
});

const orchestration = { mode: 'adversarial' };
it.each<['chat' | 'completion' | 'embedding', object, string, string]>([
  ['completion', { prompt: 'a', tokenhub: { orchestration } }, 'unsupported_value', 'tokenhub.orchestration'],
  ['completion', { prompt: '@@tokenhub mode=vote\na' }, 'invalid_value', '@@tokenhub.mode'],
  ['completion', { prompt: 'a', tokenhub: { output: {} } }, 'unsupported_value', 'tokenhub.output'],
  ['embedding', { input: 'a', tokenhub: { orchestration } }, 'unsupported_value', 'tokenhub.orchestration'],
  ['embedding', { input: 'a', tokenhub: { output: {} } }, 'unsupported_value', 'tokenhub.output'],
  ['chat', { messages, tokenhub: { orchestration: 'vote' } }, 'invalid_type', 'tokenhub.orchestration'],
  ['chat', { messages, tokenhub: { orchestration: {} } }, 'missing_required_parameter', 'tokenhub.orchestration.mode'],
  ['chat', { messages, tokenhub: { output: { type: 'json' } } }, 'unknown_parameter', 'tokenhub.output.type'],
  ['chat', { messages, n: 2, tokenhub: { orchestration } }, 'unsupported_value', 'n'],
  ['chat', { messages, logprobs: true, tokenhub: { orchestration } }, 'unsupported_value', 'logprobs'],
  ['chat', { messages, top_logprobs: 3, tokenhub: { orchestration } }, 'unsupported_value', 'top_logprobs'],
])('%s %j is refused with %s', (kind, raw, code, param) => {
  expect(() => parseOpenAiRequest(kind, raw)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});

it('null in place of an orchestration is nothing, in every kind of request', () => {
  const tokenhub = { orchestration: null, output: null };
  const nothing = { orchestration: null, output: null };
  expect(parseOpenAiRequest('chat', { messages, n: 2, logprobs: true, tokenhub })).toMatchObject(nothing);
  expect(parseOpenAiRequest('embedding', { input: 'a', tokenhub })).toMatchObject(nothing);
});

it('directives are obeyed beside Tokenhub’s own field, and gone from all others', () => {
  const raw = {
    messages: [{ role: 'user', content: '@@tokenhub mode=cheap latency=10 include_decision=true\nhi' }],
    user: 'a@@tokenhub x',
    tokenhub: { policy: { max_latency_ms: 20 }, metadata: { kept: '@@tokenhub x' } },
  };
  expect(parseOpenAiRequest('chat', raw)).toMatchObject({
    body: { messages, user: 'a' },
    policy: { mode: 'cheap', maxLatencyMs: 10, priority: 'high' },
    metadata: { kept: '@@tokenhub x' },
    includeDecision: true,
  });
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
  [{ messages: [{ role: 'user', content: '@@tokenhub mode=x' }] }, 'invalid_value', '@@tokenhub.mode'],
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
