import 'reflect-metadata';
import { expect, it } from '@jest/globals';
import { defaultOrchestration } from '#contracts/orchestration.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import { parseJobRequest } from './parse-job-request.js';

const NOW = Date.parse('2030-01-01T00:00:00Z');
const REQUEST = { messages: [{ role: 'user', content: 'hi' }], mood: 'forwarded' };
const body = (change: object = {}): object => ({ type: 'chat', request: REQUEST, ...change });

it('fills in every default and keeps the request as it is', () => {
  const parsed = parseJobRequest(body(), NOW);
  expect(parsed).toStrictEqual({
    kind: 'chat',
    body: REQUEST,
    policy: DEFAULT_POLICY,
    orchestration: null,
    output: null,
    includeDecision: false,
    deadline: NOW + 24 * 3_600_000,
    notBefore: null,
    metadata: {},
    webhook: null,
  });
  expect(parsed.body).toBe(REQUEST);
});

it('takes what the client says', () => {
  const change = { policy: { mode: 'cheap', priority: 'low' }, metadata: { a: 'b' }, timeout_ms: 5 };
  expect(parseJobRequest(body(change), NOW)).toMatchObject({
    policy: { mode: 'cheap', priority: 'low', maxAttempts: 6 },
    metadata: { a: 'b' },
    deadline: NOW + 5,
  });
});

it('a webhook wants every end unless it says which', () => {
  const of = (webhook: object): unknown => parseJobRequest(body({ webhook }), NOW).webhook;
  expect(of({ url: 'https://a' })).toEqual({ url: 'https://a', events: ['job.*'] });
  expect(of({ url: 'https://a', events: ['job.failed'] })).toEqual({ url: 'https://a', events: ['job.failed'] });
});

it('an orchestration is a chat of many calls, behind everybody else unless the client says otherwise', () => {
  const change = { type: 'orchestration', orchestration: { mode: 'vote' }, output: { format: 'xml' } };
  expect(parseJobRequest(body(change), NOW)).toMatchObject({
    kind: 'chat',
    body: REQUEST,
    policy: { ...DEFAULT_POLICY, priority: 'low' },
    orchestration: defaultOrchestration('vote'),
    output: { format: 'xml', schema: null, stripThink: true },
  });
  const urgent = { ...change, policy: { priority: 'high' } };
  expect(parseJobRequest(body(urgent), NOW).policy.priority).toBe('high');
});

it('a chat may ask for an output, and stays a chat', () => {
  expect(parseJobRequest(body({ output: { strip_think: true } }), NOW)).toMatchObject({
    kind: 'chat',
    policy: { priority: 'normal' },
    orchestration: null,
    output: { format: null, schema: null, stripThink: true },
  });
});

const graph = (change: object = {}): object =>
  body({ type: 'orchestration', orchestration: { mode: 'vote' }, ...change });

it('directives are obeyed, and gone', () => {
  const said = (content: string): object => ({ messages: [{ role: 'user', content }], user: content });
  const request = said('@@tokenhub budget=0.5 min_weight=3 mode=refine output_format=xml\nhi');
  expect(parseJobRequest(body({ request, policy: { max_budget_usd: 0.1, min_weight: 2 } }), NOW)).toMatchObject({
    body: said('hi'),
    policy: { maxBudgetUsd: 0.1, minWeight: 3 },
    orchestration: { mode: 'refine', iterations: 2 },
    output: { format: 'xml' },
  });
});

it('a directive that makes a chat an orchestration is that in everything', () => {
  const said = (more: object): object => ({
    messages: [{ role: 'user', content: '@@tokenhub mode=vote\nhi' }],
    ...more,
  });
  expect(parseJobRequest(body({ request: said({}) }), NOW)).toMatchObject({
    orchestration: defaultOrchestration('vote'),
    policy: { priority: 'low' },
  });
  expect(() => parseJobRequest(body({ request: said({ n: 2 }) }), NOW)).toThrow(
    expect.objectContaining({ code: 'unsupported_value', options: { param: 'request.n' } }),
  );
});

it('a directive lowers the rounds that the client gave, and sets those that it did not give', () => {
  const of = (orchestration: object): unknown =>
    parseJobRequest(
      graph({
        request: { messages: [{ role: 'user', content: '@@tokenhub iterations=4\nhi' }] },
        orchestration: { mode: 'adversarial', ...orchestration },
      }),
      NOW,
    ).orchestration?.iterations;
  expect([of({ iterations: 2 }), of({ iterations: 9 }), of({})]).toEqual([2, 4, 4]);
});

it.each<[string, unknown, string, string]>([
  ['an orchestration of a chat', body({ orchestration: { mode: 'vote' } }), 'unsupported_value', 'orchestration'],
  ['the type alone', body({ type: 'orchestration' }), 'missing_required_parameter', 'orchestration'],
  ['the type with null', graph({ orchestration: null }), 'missing_required_parameter', 'orchestration'],
  ['an orchestration that is a list', graph({ orchestration: [] }), 'invalid_type', 'orchestration'],
  ['an orchestration without mode', graph({ orchestration: {} }), 'missing_required_parameter', 'orchestration.mode'],
  ['a wrong orchestration', graph({ orchestration: { mode: 'duel' } }), 'invalid_value', 'orchestration.mode'],
  [
    'an orchestration of a prompt',
    graph({ request: { prompt: 'a' } }),
    'missing_required_parameter',
    'request.messages',
  ],
  ['two answers', graph({ request: { ...REQUEST, n: 2 } }), 'unsupported_value', 'request.n'],
  ['log probabilities', graph({ request: { ...REQUEST, logprobs: true } }), 'unsupported_value', 'request.logprobs'],
  [
    'two schemas',
    graph({ orchestration: { mode: 'vote', output_schema: {} }, output: { schema: {} } }),
    'invalid_request',
    'orchestration.output_schema',
  ],
  [
    'two checked answers',
    body({ output: { format: 'json' }, request: { ...REQUEST, n: 2 } }),
    'unsupported_value',
    'request.n',
  ],
  ['an output that is a text', body({ output: 'json' }), 'invalid_type', 'output'],
  ['a wrong output', body({ output: { format: 'yaml' } }), 'invalid_value', 'output.format'],
  [
    'an output of a completion',
    body({ type: 'completion', request: { prompt: 'a' }, output: {} }),
    'unsupported_value',
    'output',
  ],
  [
    'an output of an embedding',
    body({ type: 'embedding', request: { input: 'a' }, output: {} }),
    'unsupported_value',
    'output',
  ],
  ['a webhook without URL', body({ webhook: {} }), 'missing_required_parameter', 'webhook.url'],
  ['a webhook of text', body({ webhook: 'https://a' }), 'invalid_type', 'webhook'],
  ['a webhook URL of 2049 characters', body({ webhook: { url: 'u'.repeat(2_049) } }), 'invalid_value', 'webhook.url'],
  ['an unknown event', body({ webhook: { url: 'u', events: ['job.started'] } }), 'invalid_value', 'webhook.events'],
  ['no event', body({ webhook: { url: 'u', events: [] } }), 'invalid_value', 'webhook.events'],
  ['a wrong request', body({ request: { messages: [{}] } }), 'missing_required_parameter', 'request.messages[0].role'],
  ['a request of another type', body({ type: 'embedding' }), 'missing_required_parameter', 'request.input'],
  ['a deadline in the past', body({ deadline: '2029-12-31T00:00:00Z' }), 'deadline_in_past', 'deadline'],
  [
    'a directive out of bounds',
    body({ request: { messages: [{ role: 'user', content: '@@tokenhub budget=101' }] } }),
    'invalid_value',
    '@@tokenhub.budget',
  ],
  [
    'a schema in a directive that cannot be used',
    body({ request: { messages: [{ role: 'user', content: '@@tokenhub output_schema={"type":"nothing"}' }] } }),
    'invalid_schema',
    '@@tokenhub.output_schema',
  ],
  [
    'an input that is only a directive',
    body({ type: 'embedding', request: { input: ['a', '@@tokenhub mode=cheap'] } }),
    'invalid_value',
    'request.input[1]',
  ],
  ['a wrong policy', body({ policy: { mode: 'x' } }), 'invalid_value', 'policy.mode'],
])('%s is refused by name', (_name, wrong, code, param) => {
  expect(() => parseJobRequest(wrong, NOW)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});

it('null is the same as absent', () => {
  const parsed = parseJobRequest(body({ orchestration: null, output: null }), NOW);
  expect(parsed).toStrictEqual(parseJobRequest(body(), NOW));
});

it('a schema is free in what it names', () => {
  const text = '{"type":"object","properties":{"constructor":{"type":"string"},"toString":{"type":"string"}}}';
  const schema = JSON.parse(text) as object;
  expect(JSON.stringify(parseJobRequest(body({ output: { schema } }), NOW).output?.schema)).toBe(text);
});
