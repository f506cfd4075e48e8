import 'reflect-metadata';
import { describe, expect, it } from '@jest/globals';
import type { TokenhubError } from '#contracts/error-catalogue.js';
import { JobRequestDto, RouteRequestDto, TokenhubFieldDto } from './job-request.dto.js';
import { validateDto } from './validate-dto.js';

const REQUEST = { messages: [{ role: 'user', content: 'hi' }], 'unknown to us': true };
const job = (change: object = {}): Record<string, unknown> => ({ type: 'chat', request: REQUEST, ...change });
const check = (body: unknown): JobRequestDto => validateDto(JobRequestDto, body, { opaque: ['request', 'metadata'] });

/** As it comes from the wire: there `__proto__` is a field like any other. */
const wire = (text: string): unknown => JSON.parse(text);

function refusal(act: () => unknown): TokenhubError {
  try {
    act();
  } catch (error) {
    return error as TokenhubError;
  }
  throw new Error('nothing was refused');
}

const many = <T>(count: number, one: T): T[] => Array.from({ length: count }, () => one);
const pairs = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

describe('passes', () => {
  it.each<[string, object]>([
    ['the least', {}],
    ['every kind', { type: 'embedding' }],
    [
      'nothing but null where a field is optional',
      { policy: null, metadata: null, deadline: null, timeout_ms: null, not_before: null },
    ],
    ['an empty policy', { policy: {} }],
    [
      'a whole policy',
      {
        policy: {
          mode: 'high_confidence',
          min_weight: 6.5,
          max_latency_ms: 1,
          max_budget_usd: 0,
          models: ['a'],
          fallback: false,
          max_attempts: 20,
          priority: 'low',
          strict: true,
          on_content_filter: 'next',
        },
      },
    ],
    ['a policy of nulls', { policy: { mode: null, min_weight: null, models: null, fallback: null } }],
    ['times', { deadline: '2030-01-31T12:00:00Z', not_before: '2030-01-30T12:00:00+02:00', timeout_ms: 1 }],
    ['sixteen pairs', { metadata: pairs(16) }],
    ['the longest key and value', { metadata: { ['k'.repeat(64)]: 'v'.repeat(512), '': '' } }],
  ])('%s', (_name, change) => expect(check(job(change))).toMatchObject(job(change)));

  it('metadata keys that JavaScript has a meaning for', () => {
    const { metadata } = check(
      wire('{"type":"chat","request":{},"metadata":{"constructor":"a","__proto__":"b","toString":"c"}}'),
    );
    expect(Object.entries(metadata ?? {})).toStrictEqual([
      ['constructor', 'a'],
      ['__proto__', 'b'],
      ['toString', 'c'],
    ]);
  });
});

describe('an opaque field', () => {
  it('is taken over as the same object, whatever is in it', () => expect(check(job()).request).toBe(REQUEST));

  it('does not make the other fields pass', () => {
    expect(refusal(() => check({ request: REQUEST })).options.param).toBe('type');
  });

  it('that is absent is missed', () => {
    expect(refusal(() => check({ type: 'chat' }))).toMatchObject({
      code: 'missing_required_parameter',
      options: { param: 'request' },
    });
  });
});

describe('refuses', () => {
  it.each<[object, string, string]>([
    [{ type: undefined }, 'missing_required_parameter', 'type'],
    [{ type: 'orchestra' }, 'invalid_value', 'type'],
    [{ type: 7 }, 'invalid_value', 'type'],
    [{ request: undefined }, 'missing_required_parameter', 'request'],
    [{ request: null }, 'invalid_type', 'request'],
    [{ request: [] }, 'invalid_type', 'request'],
    [{ request: 'hi' }, 'invalid_type', 'request'],
    [{ polici: {} }, 'unknown_parameter', 'polici'],
    [{ policy: 'cheap' }, 'invalid_type', 'policy'],
    [{ policy: [] }, 'invalid_type', 'policy'],
    [{ policy: [{ mode: 'cheap' }] }, 'invalid_type', 'policy'],
    [{ policy: { modus: 'cheap' } }, 'unknown_parameter', 'policy.modus'],
    [{ policy: { mode: 'cheapest' } }, 'invalid_value', 'policy.mode'],
    [{ policy: { min_weight: 11 } }, 'invalid_value', 'policy.min_weight'],
    [{ policy: { min_weight: '5' } }, 'invalid_type', 'policy.min_weight'],
    [{ policy: { max_latency_ms: 0 } }, 'invalid_value', 'policy.max_latency_ms'],
    [{ policy: { max_latency_ms: 1.5 } }, 'invalid_type', 'policy.max_latency_ms'],
    [{ policy: { max_budget_usd: -0.01 } }, 'invalid_value', 'policy.max_budget_usd'],
    [{ policy: { models: [] } }, 'invalid_value', 'policy.models'],
    [{ policy: { models: 'gpt' } }, 'invalid_type', 'policy.models'],
    [{ policy: { models: ['a', 1] } }, 'invalid_type', 'policy.models'],
    [{ policy: { models: Array.from({ length: 101 }, () => 'a') } }, 'invalid_value', 'policy.models'],
    [{ policy: { fallback: 'no' } }, 'invalid_type', 'policy.fallback'],
    [{ policy: { max_attempts: 0 } }, 'invalid_value', 'policy.max_attempts'],
    [{ policy: { max_attempts: 21 } }, 'invalid_value', 'policy.max_attempts'],
    [{ policy: { priority: 'urgent' } }, 'invalid_value', 'policy.priority'],
    [{ policy: { strict: 1 } }, 'invalid_type', 'policy.strict'],
    [{ policy: { on_content_filter: 'retry' } }, 'invalid_value', 'policy.on_content_filter'],
    [{ timeout_ms: 0 }, 'invalid_value', 'timeout_ms'],
    [{ timeout_ms: 366 * 24 * 3_600_000 }, 'invalid_value', 'timeout_ms'],
    [{ timeout_ms: '5' }, 'invalid_type', 'timeout_ms'],
    [{ deadline: 'tomorrow' }, 'invalid_value', 'deadline'],
    [{ deadline: '2030-02-30T00:00:00Z' }, 'invalid_value', 'deadline'],
    [{ not_before: 1_700_000_000 }, 'invalid_value', 'not_before'],
    [{ webhook: { url: 'https://a.example', events: many(7, 'job.*') } }, 'invalid_value', 'webhook.events'],
    [{ metadata: [] }, 'invalid_value', 'metadata'],
    [{ metadata: 'a' }, 'invalid_value', 'metadata'],
    [{ metadata: { a: 1 } }, 'invalid_value', 'metadata'],
    [{ metadata: { a: null } }, 'invalid_value', 'metadata'],
    [{ metadata: pairs(17) }, 'invalid_value', 'metadata'],
    [{ metadata: { ['k'.repeat(65)]: 'v' } }, 'invalid_value', 'metadata'],
    [{ metadata: { k: 'v'.repeat(513) } }, 'invalid_value', 'metadata'],
  ])('%j with %s at %s', (change, code, param) => {
    const error = refusal(() => check(job(change)));
    expect(error).toMatchObject({ code, status: 400, options: { param } });
    expect(error.options.errors).toStrictEqual([
      { detail: expect.stringContaining(param), pointer: `/${param.replace('.', '/')}` },
    ]);
  });

  it.each<[unknown]>([[null], [undefined], [[]], ['{}'], [5], [true]])('%j as a body', (body) => {
    const error = refusal(() => check(body));
    expect(error).toMatchObject({ code: 'invalid_type', message: 'The body must be a JSON object.' });
    expect(error.options.param).toBeUndefined();
  });

  it.each([
    ['{"type":"chat","request":{},"__proto__":{"type":"embedding"}}', '__proto__'],
    ['{"type":"chat","request":{},"constructor":{}}', 'constructor'],
    ['{"type":"chat","request":{},"policy":{"__proto__":{"mode":"cheap"}}}', 'policy.__proto__'],
    ['{"type":"chat","request":{},"toString":1}', 'toString'],
  ])('%s as an unknown field', (text, param) => {
    expect(refusal(() => check(wire(text)))).toMatchObject({ code: 'unknown_parameter', options: { param } });
  });

  it('and pollutes no prototype', () => {
    refusal(() =>
      check(
        wire(
          '{"__proto__":{"polluted":1},"policy":{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}}',
        ),
      ),
    );
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });
});

it('lists every fault at once, each with its JSON pointer', () => {
  const error = refusal(() => check({ type: 'x', request: REQUEST, 'a/b~c.d': 1, policy: { mode: 'y', deep: 1 } }));
  expect(error.options.errors?.map(({ pointer }) => pointer).toSorted()).toStrictEqual([
    '/a~1b~0c.d',
    '/policy/deep',
    '/policy/mode',
    '/type',
  ]);
  for (const { detail } of error.options.errors ?? []) expect(error.message).toContain(detail);
});

it.each<[string, () => unknown]>([
  ['has a million fields', () => Object.fromEntries(many(1_000_000, 0).map((_, i) => [`f${i}`, 0]))],
  ['has a million objects where one belongs', () => job({ policy: many(1_000_000, {}) })],
  ['has a list of a million elements', () => job({ policy: { models: many(1_000_000, 'a') } })],
  ['has a million elements in lists of lists', () => job({ policy: many(999, many(1_000, 0)) })],
])('what %s is refused as a whole, without a look at each', (_what, body) => {
  const error = refusal(() => check(body()));
  expect([error.code, error.message, error.options.errors]).toEqual([
    ...['invalid_value', 'The body has more than 1000 fields and list elements.', undefined],
  ]);
});

it('opaque fields are not counted', () => {
  const request = { messages: many(2_000, { role: 'user', content: 'hi' }) };
  expect(check(job({ request })).request).toBe(request);
});

it('tells twenty faults and how many more there are, and no name at full length', () => {
  const unknown = Object.fromEntries(many(50, 0).map((_, i) => [`${i}${'x'.repeat(1_000)}`, 0]));
  const error = refusal(() => check(job(unknown)));
  expect(error.options.errors).toHaveLength(20);
  expect(error.message).toMatch(/; and 30 more\.$/);
  expect(error.message.length).toBeLessThan(20 * 150);
  for (const { pointer } of error.options.errors ?? []) expect(pointer.length).toBeLessThanOrEqual(102);
});

it('a path in front goes before every field', () => {
  const error = refusal(() =>
    validateDto(TokenhubFieldDto, { policy: { mode: 'y' }, metadata: 5, more: 1 }, { path: 'tokenhub' }),
  );
  expect(error.options.errors?.map(({ pointer }) => pointer).toSorted()).toStrictEqual([
    '/tokenhub/metadata',
    '/tokenhub/more',
    '/tokenhub/policy/mode',
  ]);
  expect(refusal(() => validateDto(TokenhubFieldDto, 5, { path: 'tokenhub' }))).toMatchObject({
    message: 'tokenhub must be a JSON object.',
    options: { param: 'tokenhub' },
  });
});

it('explain takes no fields of a job', () => {
  const error = refusal(() => validateDto(RouteRequestDto, job({ timeout_ms: 1 }), { opaque: ['request'] }));
  expect(error).toMatchObject({ code: 'unknown_parameter', options: { param: 'timeout_ms' } });
});
