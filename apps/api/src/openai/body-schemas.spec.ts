import { describe, expect, it } from '@jest/globals';
import type { CallKind } from '#contracts/job-state.js';
import type { TokenhubError } from '#contracts/error-catalogue.js';
import { validateBody } from './body-schemas.js';

const user = { role: 'user', content: 'hi' };
const chat = (change: object = {}): object => ({ messages: [user], ...change });
const say = (...messages: unknown[]): object => ({ messages });
const image = { type: 'image_url', image_url: { url: 'https://a/b.png' } };

function refusal(kind: CallKind, body: unknown, path?: string): TokenhubError {
  try {
    validateBody(kind, body, path);
  } catch (error) {
    return error as TokenhubError;
  }
  throw new Error('nothing was refused');
}

describe('odd but legal bodies pass', () => {
  it.each<[string, object]>([
    ['the least', chat()],
    [
      'a conversation',
      say(
        { role: 'system', content: 's' },
        user,
        { role: 'assistant', content: 'a' },
        { role: 'developer', content: 'd' },
      ),
    ],
    [
      'content null with tool calls',
      say({ role: 'assistant', content: null, tool_calls: [{ id: 'c', type: 'function', function: {} }] }),
    ],
    ['no content at all', say({ role: 'assistant', tool_calls: [{}] })],
    ['empty content', say({ role: 'user', content: '' })],
    ['tool calls null', say({ role: 'assistant', content: 'a', tool_calls: null })],
    [
      'a tool and a function result',
      say({ role: 'tool', tool_call_id: 'c', content: 'r' }, { role: 'function', name: 'f', content: null }),
    ],
    [
      'content parts',
      say({ role: 'user', content: [{ type: 'text', text: 'a' }, image, { type: 'of tomorrow', x: 1 }] }),
    ],
    [
      'nulls for what is not asked',
      chat({ n: null, max_tokens: null, temperature: null, top_p: null, stream: null, stream_options: null }),
    ],
    ['more nulls', chat({ tools: null, response_format: null, max_completion_tokens: null })],
    ['bounds', chat({ n: 128, temperature: 0, top_p: 1, max_tokens: 1 })],
    ['the other bounds', chat({ n: 1, temperature: 2, top_p: 0, model: 'm'.repeat(256) })],
    ['unknown fields', chat({ min_p: 0.1, chat_template_kwargs: { a: [null] }, metadata: { a: 1 }, stop: ['a'] })],
    ['custom tools', chat({ tools: [{ type: 'custom', custom: {} }, { type: 'of tomorrow' }], tool_choice: 'none' })],
    ['formats of tomorrow', chat({ response_format: { type: 'regex' } })],
    ['usage asked for', chat({ stream: true, stream_options: { include_usage: true, include_obfuscation: false } })],
    ['a message with a name', say({ ...user, name: 'bob' })],
  ])('chat: %s', (_name, body) => expect(() => validateBody('chat', body)).not.toThrow());

  it.each<[CallKind, object]>([
    ['completion', { prompt: 'a' }],
    ['completion', { prompt: ['a', 'b'] }],
    ['completion', { prompt: [1, 2, 0] }],
    ['completion', { prompt: [[1], [2, 3]] }],
    ['completion', { prompt: 'a', suffix: null, echo: true, best_of: 3, n: null }],
    ['embedding', { input: 'a' }],
    ['embedding', { input: Array.from({ length: 2_048 }, () => 'a') }],
    ['embedding', { input: Array.from({ length: 9_000 }, () => 1) }],
    ['embedding', { input: [[1, 2]], encoding_format: 'base64', dimensions: 1, user: 'u' }],
  ])('%s: %j', (kind, body) => expect(() => validateBody(kind, body)).not.toThrow());
});

describe('wrong bodies are refused as OpenAI does', () => {
  it.each<[object, string, string]>([
    [{}, 'missing_required_parameter', 'messages'],
    [say(), 'invalid_value', 'messages'],
    [{ messages: null }, 'invalid_type', 'messages'],
    [{ messages: 'hi' }, 'invalid_type', 'messages'],
    [{ messages: {} }, 'invalid_type', 'messages'],
    [say('hi'), 'invalid_type', 'messages[0]'],
    [say(user, user, user, { content: 'x' }), 'missing_required_parameter', 'messages[3].role'],
    [say(user, user, user, { role: 'robot', content: 'x' }), 'invalid_value', 'messages[3].role'],
    [say(user, { role: 'user', content: 5 }), 'invalid_type', 'messages[1].content'],
    [say({ role: 'user', content: [] }), 'invalid_value', 'messages[0].content'],
    [say({ role: 'user', content: ['a'] }), 'invalid_type', 'messages[0].content[0]'],
    [
      say({ role: 'user', content: [image, { text: 'x' }] }),
      'missing_required_parameter',
      'messages[0].content[1].type',
    ],
    [say({ role: 'user', content: [{ type: 1 }] }), 'invalid_type', 'messages[0].content[0].type'],
    [say({ role: 'assistant', tool_calls: {} }), 'invalid_type', 'messages[0].tool_calls'],
    [say({ role: 'assistant', tool_calls: [1] }), 'invalid_type', 'messages[0].tool_calls[0]'],
    [chat({ model: 5 }), 'invalid_type', 'model'],
    [chat({ model: '' }), 'invalid_value', 'model'],
    [chat({ model: 'm'.repeat(257) }), 'invalid_value', 'model'],
    [chat({ stream: 'true' }), 'invalid_type', 'stream'],
    [chat({ stream_options: true }), 'invalid_type', 'stream_options'],
    [chat({ stream_options: { include_usage: 1 } }), 'invalid_type', 'stream_options.include_usage'],
    [chat({ max_tokens: 0 }), 'invalid_value', 'max_tokens'],
    [chat({ max_tokens: 1.5 }), 'invalid_type', 'max_tokens'],
    [chat({ max_tokens: '5' }), 'invalid_type', 'max_tokens'],
    [chat({ max_completion_tokens: -1 }), 'invalid_value', 'max_completion_tokens'],
    [chat({ temperature: 2.1 }), 'invalid_value', 'temperature'],
    [chat({ top_p: -0.1 }), 'invalid_value', 'top_p'],
    [chat({ n: 0 }), 'invalid_value', 'n'],
    [chat({ n: 129 }), 'invalid_value', 'n'],
    [chat({ tools: {} }), 'invalid_type', 'tools'],
    [chat({ tools: [{ function: {} }] }), 'missing_required_parameter', 'tools[0].type'],
    [chat({ response_format: 'json' }), 'invalid_type', 'response_format'],
    [chat({ response_format: {} }), 'missing_required_parameter', 'response_format.type'],
  ])('chat: %j with %s at %s', (body, code, param) => {
    const error = refusal('chat', body);
    expect(error).toMatchObject({ code, status: 400, options: { param } });
    expect(error.message).toContain(`'${param}'`);
  });

  it.each<[CallKind, object, string, string]>([
    ['completion', {}, 'missing_required_parameter', 'prompt'],
    ['completion', { prompt: '' }, 'invalid_value', 'prompt'],
    ['completion', { prompt: [] }, 'invalid_value', 'prompt'],
    ['completion', { prompt: null }, 'invalid_type', 'prompt'],
    ['completion', { prompt: 5 }, 'invalid_type', 'prompt'],
    ['completion', { prompt: [''] }, 'invalid_value', 'prompt[0]'],
    ['completion', { prompt: [[]] }, 'invalid_value', 'prompt[0]'],
    ['completion', { prompt: [-1] }, 'invalid_value', 'prompt[0]'],
    ['completion', { prompt: [[1, -1]] }, 'invalid_value', 'prompt[0][1]'],
    ['embedding', {}, 'missing_required_parameter', 'input'],
    ['embedding', { input: [] }, 'invalid_value', 'input'],
    ['embedding', { input: {} }, 'invalid_type', 'input'],
    ['embedding', { input: Array.from({ length: 2_049 }, () => 'a') }, 'invalid_value', 'input'],
    ['embedding', { input: 'a', encoding_format: 'hex' }, 'invalid_value', 'encoding_format'],
    ['embedding', { input: 'a', dimensions: 0 }, 'invalid_value', 'dimensions'],
  ])('%s: %j with %s at %s', (kind, body, code, param) => {
    expect(refusal(kind, body)).toMatchObject({ code, options: { param } });
  });

  it.each<[unknown]>([[null], [[]], ['x'], [5]])('%j is no body', (body) => {
    const error = refusal('chat', body);
    expect(error.code).toBe('invalid_type');
    expect(error.options.param).toBeUndefined();
  });
});

describe('the message', () => {
  it.each<[CallKind, object, string]>([
    ['chat', {}, "Missing required parameter: 'messages'."],
    ['chat', say(), "'messages' must not be empty."],
    [
      'chat',
      say({ role: 'x' }),
      "Invalid value for 'messages[0].role': it must be one of system, developer, user, assistant, tool, function.",
    ],
    ['chat', chat({ n: 0 }), "Invalid value for 'n': must be >= 1."],
    ['chat', chat({ n: 'x' }), "Invalid type for 'n': must be integer or null."],
    [
      'chat',
      say({ role: 'user', content: 5 }),
      "Invalid type for 'messages[0].content': must be string or null or array.",
    ],
    ['completion', { prompt: 5 }, "Invalid type for 'prompt': must be string or array."],
    ['completion', { prompt: '' }, "'prompt' must not be empty."],
    ['completion', { prompt: [] }, "'prompt' must not be empty."],
  ])('%s: %j', (kind, body, message) => expect(refusal(kind, body).message).toBe(message));
});

it('a path in front goes before the field', () => {
  expect(refusal('chat', {}, 'request').options.param).toBe('request.messages');
  expect(refusal('chat', say({}), 'request').options.param).toBe('request.messages[0].role');
  expect(refusal('chat', [], 'request').options.param).toBe('request');
});

it('fifty thousand wrong messages give one short error', () => {
  const error = refusal('chat', say(...Array.from({ length: 50_000 }, () => ({ role: 'x' }))));
  expect(error.options).toMatchObject({ param: 'messages[0].role' });
  expect(error.message.length).toBeLessThan(200);
});
