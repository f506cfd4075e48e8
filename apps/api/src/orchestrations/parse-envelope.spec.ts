import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { defaultOrchestration } from '#contracts/orchestration.js';
import { DEFAULT_POLICY } from '#contracts/policy.js';
import { parseAdversarial, parseEnvelope, type EnvelopeWork } from './parse-envelope.js';

const messages = [{ role: 'user', content: 'hi' }];
const ATTENDED = { ...DEFAULT_POLICY, priority: 'high' };
const schema = { type: 'object' };
const envelope = (request: JsonObject = {}, more: JsonObject = {}): JsonObject => ({
  request: { messages, ...request },
  ...more,
});
const pairs = (count: number): JsonObject =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));
const chat = (raw: unknown): EnvelopeWork => parseEnvelope(raw, 'chat');
const plan = (raw: unknown): EnvelopeWork => parseEnvelope(raw, 'plan');

it('the least is a chat that somebody waits for', () => {
  expect(chat(envelope())).toStrictEqual({
    kind: 'chat',
    body: { messages },
    policy: ATTENDED,
    orchestration: null,
    output: null,
    includeDecision: false,
    metadata: {},
  });
});

it('everything that the original had is understood', () => {
  const parsed = chat({
    capabilities: { planning: true, tools: false },
    policy: { mode: 'cheap', max_budget_usd: 0.05, max_latency_ms: 20_000, min_weight: 6 },
    request: {
      id: 'run-7',
      messages,
      model_hint: 'sim-large',
      estimated_input_tokens: 12,
      meta: { team: 'blue' },
      parameters: { temperature: 0.2, stop: ['.'] },
      stream: false,
    },
    orchestration: { mode: 'adversarial', iterations: 2 },
    output_format: { type: 'json', schema, max_tokens: 300, strip_think: true },
  });
  expect(parsed).toStrictEqual({
    kind: 'chat',
    body: { temperature: 0.2, stop: ['.'], messages, model: 'sim-large', max_tokens: 300 },
    policy: { ...ATTENDED, mode: 'cheap', maxBudgetUsd: 0.05, maxLatencyMs: 20_000, minWeight: 6, fallback: true },
    orchestration: { ...defaultOrchestration('adversarial'), iterations: 2 },
    output: { format: 'json', schema, stripThink: true },
    includeDecision: false,
    metadata: { team: 'blue', request_id: 'run-7' },
  });
});

it('what is null is absent', () => {
  const nulls = { id: null, model_hint: null, meta: null, output_schema: null, parameters: null, stream: null };
  const outer = { capabilities: null, policy: null, orchestration: null, output_format: null };
  expect(chat(envelope(nulls, outer))).toStrictEqual(chat(envelope()));
});

it('a model is a hint, unless the client pins it', () => {
  expect(chat(envelope({ model_hint: 'm' })).policy.fallback).toBe(true);
  expect(chat(envelope({ model_hint: 'm' }, { policy: { fallback: false } })).policy.fallback).toBe(false);
  expect(chat(envelope()).policy.fallback).toBeNull();
});

it.each([
  ['a list', ['tools', 'vision']],
  ['a map', { tools: true, json_schema: false }],
  ['nothing', []],
])('capabilities may be %s, and change nothing', (_, capabilities) => {
  expect(chat(envelope({}, { capabilities }))).toStrictEqual(chat(envelope()));
});

it.each<[string, JsonObject]>([
  ['request.output_schema', envelope({ output_schema: schema })],
  ['output_format.schema', envelope({}, { output_format: { schema } })],
])('a schema may be given as %s', (_, raw) => {
  expect(chat(raw).output).toStrictEqual({ format: 'json', schema, stripThink: true });
});

describe('a plan', () => {
  it.each<[string, JsonObject]>([
    ['absent', {}],
    ['without mode', { orchestration: {} }],
    ['with an empty mode', { orchestration: { mode: '' } }],
    ['with a null mode', { orchestration: { mode: null } }],
  ])('with its orchestration %s is planning', (_, more) => {
    expect(plan(envelope({}, more)).orchestration).toStrictEqual(defaultOrchestration('planning'));
  });

  it('takes every mode', () => {
    expect(plan(envelope({}, { orchestration: { mode: 'refine' } })).orchestration).toStrictEqual(
      defaultOrchestration('refine'),
    );
  });
});

it.each<[JsonObject, object]>([
  [{ iterations: 5 }, { voters: 5, iterations: 1 }],
  [{ voters: 4 }, { voters: 4, iterations: 1 }],
  [{ iterations: null }, { voters: 3, iterations: 1 }],
])('a vote of %j has %j, as in the original', (wire, spec) => {
  const raw = envelope({}, { orchestration: { mode: 'vote', ...wire } });
  for (const parse of [chat, plan]) expect(parse(raw).orchestration).toMatchObject(spec);
});

it.each<[unknown, string, string | undefined]>([
  [null, 'invalid_type', undefined],
  [[], 'invalid_type', undefined],
  [{}, 'missing_required_parameter', 'request'],
  [{ request: [] }, 'invalid_type', 'request'],
  [{ request: {} }, 'missing_required_parameter', 'request.messages'],
  [envelope({ messages: [] }), 'invalid_value', 'request.messages'],
  [envelope({ messages: [{}] }), 'missing_required_parameter', 'request.messages[0].role'],
  [envelope({ id: '' }), 'invalid_value', 'request.id'],
  [envelope({ id: 7 }), 'invalid_type', 'request.id'],
  [envelope({ id: 'x'.repeat(513) }), 'invalid_value', 'request.id'],
  [envelope({ model_hint: '' }), 'invalid_value', 'request.model_hint'],
  [envelope({ estimated_input_tokens: -1 }), 'invalid_value', 'request.estimated_input_tokens'],
  [envelope({ estimated_input_tokens: '9' }), 'invalid_type', 'request.estimated_input_tokens'],
  [envelope({ meta: { a: 1 } }), 'invalid_value', 'request.meta'],
  [envelope({ meta: pairs(17) }), 'invalid_value', 'request.meta'],
  [envelope({ meta: pairs(16), id: 'x' }), 'invalid_value', 'request.meta'],
  [envelope({ meta: { request_id: 'x' }, id: 'y' }), 'invalid_request', 'request.meta.request_id'],
  [envelope({ output_schema: 'x' }), 'invalid_type', 'request.output_schema'],
  [envelope({ output_schema: { type: 'x' } }), 'invalid_schema', 'request.output_schema'],
  [envelope({ parameters: [] }), 'invalid_type', 'request.parameters'],
  [envelope({ parameters: { temperature: 3 } }), 'invalid_value', 'request.parameters.temperature'],
  [envelope({ parameters: { messages } }), 'unsupported_value', 'request.parameters.messages'],
  [envelope({ parameters: { model: 'm' } }), 'unsupported_value', 'request.parameters.model'],
  [envelope({ parameters: { stream: true } }), 'unsupported_value', 'request.parameters.stream'],
  [envelope({ parameters: { tokenhub: {} } }), 'unsupported_value', 'request.parameters.tokenhub'],
  [envelope({ stream: true }), 'unsupported_value', 'request.stream'],
  [envelope({ stream: 'no' }), 'invalid_type', 'request.stream'],
  [envelope({ temperature: 1 }), 'unknown_parameter', 'request.temperature'],
  [envelope({}, { metadata: {} }), 'unknown_parameter', 'metadata'],
  [envelope({}, { output: {} }), 'unknown_parameter', 'output'],
  [envelope({}, { policy: { mode: 'thompson' } }), 'invalid_value', 'policy.mode'],
  [envelope({}, { capabilities: 'tools' }), 'invalid_type', 'capabilities'],
  [envelope({}, { capabilities: [7] }), 'invalid_type', 'capabilities'],
  [envelope({}, { capabilities: { tools: 'yes' } }), 'invalid_type', 'capabilities'],
  [envelope({}, { capabilities: new Array(65).fill('x') }), 'invalid_type', 'capabilities'],
  [envelope({}, { output_format: 'json' }), 'invalid_type', 'output_format'],
  [envelope({}, { output_format: { type: 'yaml' } }), 'invalid_value', 'output_format.type'],
  [envelope({}, { output_format: { format: 'json' } }), 'unknown_parameter', 'output_format.format'],
  [envelope({}, { output_format: { max_tokens: 0 } }), 'invalid_value', 'output_format.max_tokens'],
  [envelope({}, { output_format: { type: 'xml', schema } }), 'unsupported_value', 'output_format.schema'],
  [envelope({ output_schema: schema }, { output_format: { schema } }), 'invalid_request', 'request.output_schema'],
  [
    envelope({ output_schema: schema }, { orchestration: { mode: 'vote', output_schema: schema } }),
    'invalid_request',
    'request.output_schema',
  ],
  [
    envelope({ parameters: { max_tokens: 5 } }, { output_format: { max_tokens: 5 } }),
    'invalid_request',
    'request.parameters.max_tokens',
  ],
  [
    envelope({ parameters: { max_completion_tokens: 5 } }, { output_format: { max_tokens: 5 } }),
    'invalid_request',
    'request.parameters.max_completion_tokens',
  ],
  [envelope({}, { orchestration: 'vote' }), 'invalid_type', 'orchestration'],
  [envelope({}, { orchestration: { mode: 'duel' } }), 'invalid_value', 'orchestration.mode'],
  [
    envelope({}, { orchestration: { mode: 'adversarial', iterations: 0 } }),
    'invalid_value',
    'orchestration.iterations',
  ],
  [envelope({}, { orchestration: { mode: 'vote', iterations: 1 } }), 'invalid_value', 'orchestration.voters'],
  [envelope({}, { orchestration: { mode: 'vote', iterations: '3' } }), 'invalid_type', 'orchestration.iterations'],
  [
    envelope({}, { orchestration: { mode: 'vote', iterations: 3, voters: 4 } }),
    'unsupported_value',
    'orchestration.iterations',
  ],
  [
    envelope({ parameters: { n: 2 } }, { orchestration: { mode: 'planning' } }),
    'unsupported_value',
    'request.parameters.n',
  ],
])('%j is refused with %s', (raw, code, param) => {
  for (const parse of [chat, plan]) {
    const act = (): unknown => parse(raw);
    expect(act).toThrow(expect.objectContaining({ code }));
    expect(act).toThrow(
      expect.objectContaining({ options: param === undefined ? {} : expect.objectContaining({ param }) }),
    );
  }
});

it.each([[{}], [{ mode: '' }], [{ mode: null }]])('a chat’s orchestration %j must say its mode', (orchestration) => {
  expect(() => chat(envelope({}, { orchestration }))).toThrow(
    expect.objectContaining({ options: expect.objectContaining({ param: 'orchestration.mode' }) }),
  );
});

it('directives are obeyed, and gone', () => {
  const content = '@@tokenhub mode=refine include_decision=true\nhi';
  expect(chat(envelope({ messages: [{ role: 'user', content }] }))).toMatchObject({
    body: { messages },
    policy: { priority: 'high' },
    orchestration: defaultOrchestration('refine'),
    includeDecision: true,
  });
  expect(parseAdversarial({ prompt: '@@tokenhub iterations=2\nhi' })).toMatchObject({
    body: { messages },
    orchestration: { mode: 'adversarial', iterations: 2 },
  });
});

describe('adversarial', () => {
  it('is a prompt and nothing else', () => {
    expect(parseAdversarial({ prompt: 'Design a bridge' })).toStrictEqual({
      kind: 'chat',
      body: { messages: [{ role: 'user', content: 'Design a bridge' }] },
      policy: ATTENDED,
      orchestration: defaultOrchestration('adversarial'),
      output: null,
      includeDecision: false,
      metadata: {},
    });
  });

  it('or a little more', () => {
    const raw = {
      prompt: 'p',
      max_tokens: 5,
      policy: { max_budget_usd: 1 },
      orchestration: { iterations: 3, primary_model_id: 'a', review_model_id: 'b', review_min_weight: 9 },
    };
    expect(parseAdversarial(raw)).toMatchObject({
      body: { max_tokens: 5 },
      policy: { maxBudgetUsd: 1 },
      orchestration: {
        mode: 'adversarial',
        iterations: 3,
        primaryModelId: 'a',
        reviewModelId: 'b',
        reviewMinWeight: 9,
      },
    });
  });

  it.each<[unknown, string, string | undefined]>([
    ['Design', 'invalid_type', undefined],
    [{}, 'missing_required_parameter', 'prompt'],
    [{ prompt: '' }, 'invalid_value', 'prompt'],
    [{ prompt: ['a'] }, 'invalid_type', 'prompt'],
    [{ prompt: 'p', max_tokens: 0 }, 'invalid_value', 'max_tokens'],
    [{ prompt: 'p', messages }, 'unknown_parameter', 'messages'],
    [{ prompt: 'p', policy: { speed: 1 } }, 'unknown_parameter', 'policy.speed'],
    [{ prompt: 'p', orchestration: [] }, 'invalid_type', 'orchestration'],
    [{ prompt: 'p', orchestration: { mode: 'vote' } }, 'unknown_parameter', 'orchestration.mode'],
    [{ prompt: 'p', orchestration: { voters: 3 } }, 'unknown_parameter', 'orchestration.voters'],
    [{ prompt: 'p', orchestration: { iterations: 11 } }, 'invalid_value', 'orchestration.iterations'],
    [{ prompt: 'p', orchestration: { iterations: '2' } }, 'invalid_type', 'orchestration.iterations'],
  ])('%j is refused with %s', (raw, code, param) => {
    const act = (): unknown => parseAdversarial(raw);
    expect(act).toThrow(expect.objectContaining({ code }));
    expect(act).toThrow(
      expect.objectContaining({ options: param === undefined ? {} : expect.objectContaining({ param }) }),
    );
  });
});
