import { describe, expect, test } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import type { ProviderCall } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { toUpstreamBody } from './convert-messages.js';
import { readFixture } from './fixtures/read-fixture.js';
import { toMessage } from './convert-answer.js';

type Changes = Partial<Pick<ProviderCall, 'maxOutputTokens' | 'dropSamplingParameters' | 'strict'>>;

const user = (content: unknown): JsonObject => ({ role: 'user', content });
const text = (words: string): JsonObject => ({ type: 'text', text: words });
const call = (id: string, name = 'get_time', json = '{}'): JsonObject => ({
  id,
  type: 'function',
  function: { name, arguments: json },
});
const assistant = (...calls: JsonObject[]): JsonObject => ({ role: 'assistant', content: null, tool_calls: calls });
const result = (id: string, content: unknown = 'noon'): JsonObject => ({ role: 'tool', tool_call_id: id, content });
const TOOL = { type: 'function', function: { name: 'get_time', parameters: { type: 'object', properties: {} } } };

function convert(fields: JsonObject, changes: Changes = {}): ReturnType<typeof toUpstreamBody> {
  const body = { model: 'smart', messages: [user('hi')], ...fields };
  return toUpstreamBody({ body, upstreamModel: 'claude', ...changes });
}

const messagesOf = (...messages: JsonObject[]): unknown => convert({ messages }).body.messages;

function refusal(fields: JsonObject, changes: Changes = {}): [code: string, param: unknown, message: string] {
  try {
    convert(fields, changes);
  } catch (error) {
    if (error instanceof ProviderError && error.errorClass === 'invalid_request') {
      return [error.options.code, error.options.param, error.message];
    }
    throw error;
  }
  throw new Error('it was not refused');
}

describe('messages', () => {
  test('of system and developer are hoisted, in order', () => {
    const system = { role: 'system', content: 'Be brief.' };
    const developer = { role: 'developer', content: [text('Be kind.')] };
    expect(convert({ messages: [system, user('hi'), developer] }).body).toEqual({
      model: 'claude',
      max_tokens: 4096,
      system: 'Be brief.\nBe kind.',
      messages: [{ role: 'user', content: [text('hi')] }],
    });
  });

  test('keep their cache marks', () => {
    const cached = { ...text('Long.'), cache_control: { type: 'ephemeral' } };
    expect(convert({ messages: [{ role: 'system', content: [cached] }, user([cached])] }).body).toMatchObject({
      system: [cached],
      messages: [{ content: [cached] }],
    });
  });

  test('of one role become one turn, and empty texts are left out', () => {
    expect(messagesOf(user('a'), user(''), user([text('b'), text(' ')]), { role: 'assistant', content: '' })).toEqual([
      { role: 'user', content: [text('a'), text('b')] },
    ]);
  });

  test('of tools are results, merged into one turn and first in it', () => {
    const calls = assistant(call('a', 'get_weather', '{"city":"Oslo"}'), call('functions.get_time:1', 'get_time', ''));
    expect(messagesOf(user('hi'), calls, user('and?'), result('a', ''), result('functions.get_time:1'))).toEqual([
      { role: 'user', content: [text('hi')] },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'a', name: 'get_weather', input: { city: 'Oslo' } },
          { type: 'tool_use', id: 'functions_get_time_1', name: 'get_time', input: {} },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'a' },
          { type: 'tool_result', tool_use_id: 'functions_get_time_1', content: [text('noon')] },
          text('and?'),
        ],
      },
    ]);
  });

  test.each<[string, JsonObject[]]>([
    ['without any call', [user('hi'), result('a')]],
    ['of another call', [user('hi'), assistant(call('b')), result('a')]],
    ['of a call long past', [user('hi'), assistant(call('a')), result('a'), assistant(call('b')), result('a')]],
  ])('refuse a tool result %s, and say which', (_, messages) => {
    const [code, param, message] = refusal({ messages });
    const at = `messages[${messages.length - 1}]`;
    expect([code, param]).toEqual(['invalid_value', `${at}.tool_call_id`]);
    expect(message).toBe(`${at} is the result of a tool call that the assistant's message before it does not make.`);
  });

  test.each<[string, JsonObject, string]>([
    ['arguments that are no JSON', assistant(call('a', 'f', '{"a')), 'messages[0].tool_calls[0].function.arguments'],
    ['arguments that are no object', assistant(call('a', 'f', '[1]')), 'messages[0].tool_calls[0].function.arguments'],
    ['a call that is none', assistant({ id: 'a' }), 'messages[0].tool_calls[0]'],
    ['the role function', { role: 'function', name: 'f', content: 'x' }, 'messages[0].role'],
    ['audio', user([{ type: 'input_audio', input_audio: {} }]), 'messages[0].content[0]'],
    ['an uploaded file', user([{ type: 'file', file: { file_id: 'f' } }]), 'messages[0].content[0].file'],
    [
      'an image over http',
      user([{ type: 'image_url', image_url: { url: 'http://a/b.png' } }]),
      'messages[0].content[0].image_url.url',
    ],
    [
      'a vector image',
      user([{ type: 'image_url', image_url: { url: 'data:image/svg+xml;base64,AA' } }]),
      'messages[0].content[0].image_url.url',
    ],
    ['a part without type', user([{ text: 'x' }]), 'messages[0].content[0]'],
  ])('refuse %s', (_, message, param) => {
    expect(refusal({ messages: [message] })[1]).toBe(param);
  });

  test('carry images, documents and the vendor’s own blocks', () => {
    const own = { type: 'search_result', source: 'x' };
    const content = [
      { type: 'image_url', image_url: { url: 'data:image/JPG;base64,AAAA', detail: 'low' } },
      { type: 'image_url', image_url: { url: 'https://a/b.png' } },
      { type: 'file', file: { file_data: 'data:application/pdf;base64,JVBE', filename: 'a.pdf' } },
      own,
    ];
    expect(messagesOf(user(content))).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image', source: { type: 'base64', media_type: 'image/jpeg', data: 'AAAA' } },
          { type: 'image', source: { type: 'url', url: 'https://a/b.png' } },
          { type: 'document', source: { type: 'base64', media_type: 'application/pdf', data: 'JVBE' }, title: 'a.pdf' },
          own,
        ],
      },
    ]);
  });

  test('with thinking come back to Anthropic as they left, signatures and places included', () => {
    const { content } = JSON.parse(readFixture('thinking-tools.json')) as { content: unknown[] };
    const message = toMessage(content);
    expect(message).toMatchObject({
      content: 'Let me see.',
      reasoning_content: 'First the weather.And the time.',
      tool_calls: [{ id: 'toolu_t', type: 'function', function: { name: 'get_time', arguments: '{}' } }],
    });
    expect(messagesOf(user('hi'), message, result('toolu_t'))).toMatchObject([{}, { role: 'assistant', content }, {}]);
  });

  test('never end a turn in thinking, and need no places', () => {
    const thought = { type: 'thinking', thinking: 'x', signature: 's' };
    const said = {
      role: 'assistant',
      content: 'so',
      thinking_blocks: [thought, { ...thought, index: 9 }, { type: 'text' }],
    };
    expect(messagesOf(said)).toEqual([{ role: 'assistant', content: [thought, thought, text('so')] }]);
    expect(messagesOf({ ...said, content: null })).toEqual([]);
  });
});

describe('tools', () => {
  const NAMED = { name: 'get_time', input_schema: { type: 'object', properties: {} } };

  test.each<[string, JsonObject, unknown]>([
    ['auto', {}, undefined],
    ['auto', { tool_choice: 'auto' }, undefined],
    ['required', { tool_choice: 'required' }, { type: 'any' }],
    ['none', { tool_choice: 'none', parallel_tool_calls: false }, { type: 'none' }],
    ['a name', { tool_choice: TOOL }, { type: 'tool', name: 'get_time' }],
    ['one at a time', { parallel_tool_calls: false }, { type: 'auto', disable_parallel_tool_use: true }],
    [
      'one, forced',
      { tool_choice: 'required', parallel_tool_calls: false },
      { type: 'any', disable_parallel_tool_use: true },
    ],
  ])('are chosen as asked: %s', (_, fields, choice) => {
    const { body } = convert({ tools: [TOOL], ...fields });
    expect([body.tools, body.tool_choice]).toEqual([[NAMED], choice]);
  });

  test('keep description, strictness and what is Anthropic’s own; a schema is never missing', () => {
    const own = { type: 'web_search_20250305', name: 'web_search' };
    const strict = { type: 'function', function: { name: 'f', description: 'd', strict: true } };
    expect(convert({ tools: [strict, own] }).body.tools).toEqual([
      { name: 'f', description: 'd', strict: true, input_schema: { type: 'object', properties: {} } },
      own,
    ]);
  });

  test('that are allowed are the only ones', () => {
    const other = { type: 'function', function: { name: 'other' } };
    const choice = { type: 'allowed_tools', allowed_tools: { mode: 'required', tools: [TOOL] } };
    expect(convert({ tools: [TOOL, other], tool_choice: choice }).body).toMatchObject({
      tools: [NAMED],
      tool_choice: { type: 'any' },
    });
  });

  test('of the past are declared when the request has none', () => {
    expect(
      convert({ messages: [user('hi'), assistant(call('a')), result('a')], tool_choice: 'auto' }).body,
    ).toMatchObject({
      tools: [NAMED],
      tool_choice: { type: 'none' },
    });
  });

  test.each<[JsonObject, string]>([
    [{ tools: [{ type: 'custom', custom: { name: 'f' } }] }, 'tools[0]'],
    [{ tools: [TOOL], tool_choice: 'often' }, 'tool_choice'],
    [{ functions: [] }, 'functions'],
  ])('without an equal are refused: %j', (fields, param) => {
    expect(refusal(fields)[1]).toBe(param);
  });
});

describe('parameters', () => {
  const dropping = { dropSamplingParameters: true };
  const rows: [name: string, fields: JsonObject, expected: JsonObject, dropped: string[], changes?: Changes][] = [
    ['max_tokens', { max_tokens: 7 }, { max_tokens: 7 }, []],
    ['max_completion_tokens', { max_tokens: 7, max_completion_tokens: 8 }, { max_tokens: 8 }, []],
    ['the model’s limit where none is asked for', {}, { max_tokens: 64_000 }, [], { maxOutputTokens: 64_000 }],
    ['stop as a text', { stop: 'END' }, { stop_sequences: ['END'] }, []],
    ['stop without blanks', { stop: ['END', '\n'] }, { stop_sequences: ['END'] }, ['stop']],
    [
      'temperature, top_p and top_k',
      { temperature: 0.3, top_p: 0.9, top_k: 40 },
      { temperature: 0.3, top_p: 0.9, top_k: 40 },
      [],
    ],
    [
      'defaults said aloud',
      { temperature: 1, top_p: 1, n: 1, logprobs: false, store: false, seed: null },
      {},
      [],
      dropping,
    ],
    ['a temperature beyond the end', { temperature: 1.5 }, {}, ['temperature']],
    [
      'sampling where the model has none',
      { temperature: 0, top_p: 0.9, top_k: 1 },
      {},
      ['temperature', 'top_p', 'top_k'],
      dropping,
    ],
    ['effort', { reasoning_effort: 'high' }, { thinking: { type: 'adaptive' }, output_config: { effort: 'high' } }, []],
    [
      'minimal effort',
      { reasoning_effort: 'minimal' },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'low' } },
      [],
    ],
    ['no effort', { reasoning_effort: 'none' }, { thinking: { type: 'disabled' } }, []],
    [
      'sampling beside thinking',
      { reasoning_effort: 'low', temperature: 0.2, top_p: 0.97, top_k: 3 },
      { thinking: { type: 'adaptive' }, output_config: { effort: 'low' }, top_p: 0.97 },
      ['temperature', 'top_k'],
    ],
    [
      'Anthropic’s own thinking',
      { thinking: { type: 'enabled', budget_tokens: 2000 }, reasoning_effort: 'low' },
      { thinking: { type: 'enabled', budget_tokens: 2000 }, output_config: { effort: 'low' } },
      [],
    ],
    [
      'a schema',
      { response_format: { type: 'json_schema', json_schema: { name: 'x', schema: { type: 'object' } } } },
      { output_config: { format: { type: 'json_schema', schema: { type: 'object' } } } },
      [],
    ],
    [
      'any JSON, by words',
      { response_format: { type: 'json_object' } },
      { system: expect.stringContaining('JSON object') },
      ['response_format'],
    ],
    [
      'a hashed user',
      { user: 'ann@example.com' },
      { metadata: { user_id: expect.stringMatching(/^[0-9a-f]{64}$/) } },
      [],
    ],
    ['tiers', { service_tier: 'standard_only' }, { service_tier: 'standard_only' }, []],
    ['tiers that are OpenAI’s', { service_tier: 'flex' }, {}, ['service_tier']],
    ['fields of no effect', { metadata: { a: 'b' }, prompt_cache_key: 'k', stream: true, stream_options: {} }, {}, []],
    [
      'fields it has nothing for',
      {
        logprobs: true,
        top_logprobs: 2,
        logit_bias: { 1: 2 },
        seed: 1,
        presence_penalty: 1,
        frequency_penalty: 1,
        prediction: {},
        min_p: 0.1,
      },
      {},
      [
        'logprobs',
        'top_logprobs',
        'logit_bias',
        'seed',
        'frequency_penalty',
        'presence_penalty',
        'prediction',
        'min_p',
      ],
    ],
    [
      'fields that are its own',
      { cache_control: { type: 'ephemeral' }, inference_geo: 'eu' },
      { cache_control: { type: 'ephemeral' }, inference_geo: 'eu' },
      [],
    ],
  ];

  test.each(rows.map((row) => [row[0], row] as const))('%s', (_, [, fields, expected, dropped, changes]) => {
    const { body, dropped: named } = convert(fields, changes);
    const { model, messages, ...rest } = body;
    expect([model, messages, named]).toEqual(['claude', [{ role: 'user', content: [text('hi')] }], dropped]);
    expect(rest).toEqual({ max_tokens: 4096, ...expected });
  });

  test('effort with a tool that must be called is effort without thinking', () => {
    const { body } = convert({ tools: [TOOL], tool_choice: 'required', reasoning_effort: 'high' });
    expect([body.thinking, body.output_config]).toEqual([undefined, { effort: 'high' }]);
  });

  test('n above 1, and a format without schema, are refused', () => {
    expect(refusal({ n: 2 })).toEqual(['unsupported_value', 'n', expect.stringContaining('n must be 1')]);
    expect(refusal({ response_format: { type: 'json_schema' } })[1]).toBe('response_format.json_schema.schema');
  });

  test('what would be dropped is refused where the client is strict', () => {
    expect(refusal({ seed: 1, logprobs: true }, { strict: true })).toEqual([
      'unsupported_parameter',
      'logprobs',
      'This provider has nothing for: logprobs, seed.',
    ]);
    expect(convert({ temperature: 0.5 }, { strict: true }).dropped).toEqual([]);
  });

  test('names that every object has are no parameters', () => {
    const fields = JSON.parse('{"constructor":1,"toString":2}') as JsonObject;
    expect(convert(fields).body).toMatchObject(fields);
    expect(messagesOf(user([{ type: 'constructor' }]))).toEqual([{ role: 'user', content: [{ type: 'constructor' }] }]);
  });
});
