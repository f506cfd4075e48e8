import 'reflect-metadata';
import { expect, it } from '@jest/globals';
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

it.each<[string, unknown, string, string]>([
  ['an orchestration', body({ orchestration: { mode: 'vote' } }), 'unsupported_value', 'orchestration'],
  ['an output', body({ output: {} }), 'unsupported_value', 'output'],
  ['a webhook without URL', body({ webhook: {} }), 'missing_required_parameter', 'webhook.url'],
  ['a webhook of text', body({ webhook: 'https://a' }), 'invalid_type', 'webhook'],
  ['a webhook URL of 2049 characters', body({ webhook: { url: 'u'.repeat(2_049) } }), 'invalid_value', 'webhook.url'],
  ['an unknown event', body({ webhook: { url: 'u', events: ['job.started'] } }), 'invalid_value', 'webhook.events'],
  ['no event', body({ webhook: { url: 'u', events: [] } }), 'invalid_value', 'webhook.events'],
  ['the type orchestration', body({ type: 'orchestration' }), 'unsupported_value', 'type'],
  ['a wrong request', body({ request: { messages: [{}] } }), 'missing_required_parameter', 'request.messages[0].role'],
  ['a request of another type', body({ type: 'embedding' }), 'missing_required_parameter', 'request.input'],
  ['a deadline in the past', body({ deadline: '2029-12-31T00:00:00Z' }), 'deadline_in_past', 'deadline'],
  ['a wrong policy', body({ policy: { mode: 'x' } }), 'invalid_value', 'policy.mode'],
])('%s is refused by name', (_name, wrong, code, param) => {
  expect(() => parseJobRequest(wrong, NOW)).toThrow(
    expect.objectContaining({ code, options: expect.objectContaining({ param }) }),
  );
});

it('what comes later may be null', () => {
  expect(() => parseJobRequest(body({ orchestration: null }), NOW)).toThrow(
    expect.objectContaining({ code: 'unknown_parameter' }),
  );
});
