import { chat, type Json } from './doors.js';

/** The body limit that the faults are made for. */
export const BODY_LIMIT = 1_048_576;

/** A request that must be refused, and how. */
export interface Fault {
  what: string;
  path: string;
  method?: string;
  body?: unknown;
  raw?: string;
  headers?: Record<string, string>;
  status: number;
  code: string;
  param?: string | null;
  message?: RegExp;
}

export const JOBS = '/v1/jobs';
export const EXPLAIN = '/v1/route/explain';
export const CHAT = '/v1/chat/completions';
export const COMPLETIONS = '/v1/completions';
export const EMBEDDINGS = '/v1/embeddings';
const ENVELOPES = ['/v1/chat', '/v1/plan', '/v1/adversarial'];
const POSTS = [JOBS, EXPLAIN, CHAT, COMPLETIONS, EMBEDDINGS, ...ENVELOPES];

const pairs = (count: number): Json => Object.fromEntries(Array.from({ length: count }, (_, i) => [`k${i}`, 'v']));

export const everywhere: Fault[] = POSTS.flatMap((path): Fault[] => [
  { what: 'malformed JSON', path, raw: '{"messages": [', status: 400, code: 'invalid_json' },
  { what: 'text after the JSON', path, raw: '{} {}', status: 400, code: 'invalid_json' },
  { what: 'no body', path, method: 'POST', status: 400, code: 'missing_required_parameter' },
  { what: 'a null body', path, raw: 'null', status: 400, code: 'invalid_type' },
  { what: 'an array as body', path, raw: '[]', status: 400, code: 'invalid_type' },
  { what: 'a string as body', path, raw: '"hello"', status: 400, code: 'invalid_type' },
  {
    what: 'another content type',
    path,
    raw: 'messages=hello',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    what: 'text/plain',
    path,
    raw: '{}',
    headers: { 'content-type': 'text/plain' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    what: 'an unknown charset',
    path,
    raw: '{}',
    headers: { 'content-type': 'application/json; charset=klingon' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    what: 'an unknown content encoding',
    path,
    raw: '{}',
    headers: { 'content-encoding': 'pigeon' },
    status: 415,
    code: 'unsupported_media_type',
  },
  {
    what: 'a body over the limit',
    path,
    raw: JSON.stringify(chat({ user: 'x'.repeat(BODY_LIMIT) })),
    status: 413,
    code: 'body_too_large',
    message: /1048576 bytes/,
  },
  {
    what: 'JSON nested 100,000 deep',
    path,
    raw: `{"type":"chat","a":${'['.repeat(100_000)}${']'.repeat(100_000)}}`,
    status: 400,
    code: 'invalid_value',
    message: /nested/,
  },
]);

export const chatFaults = (path: string, envelope: (request: Json) => Json, prefix: string): Fault[] => [
  {
    what: 'no messages',
    path,
    body: envelope({}),
    status: 400,
    code: 'missing_required_parameter',
    param: `${prefix}messages`,
  },
  {
    what: 'empty messages',
    path,
    body: envelope({ messages: [] }),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}messages`,
    message: /must not be empty/,
  },
  {
    what: 'messages of a wrong type',
    path,
    body: envelope({ messages: 'hi' }),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}messages`,
  },
  {
    what: 'a message that is none',
    path,
    body: envelope({ messages: [7] }),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}messages[0]`,
  },
  {
    what: 'a role that does not exist',
    path,
    body: envelope({ messages: [{ role: 'robot', content: 'hi' }] }),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}messages[0].role`,
  },
  {
    what: 'content of a wrong type',
    path,
    body: envelope({ messages: [{ role: 'user', content: 7 }] }),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}messages[0].content`,
  },
  {
    what: 'max_tokens of zero',
    path,
    body: envelope(chat({ max_tokens: 0 })),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}max_tokens`,
  },
  {
    what: 'a temperature beyond all numbers',
    path,
    raw: JSON.stringify(envelope(chat({ temperature: 7 }))).replace('"temperature":7', '"temperature":1e999'),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}temperature`,
  },
  {
    what: 'a model of a wrong type',
    path,
    body: envelope(chat({ model: 7 })),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}model`,
  },
  {
    what: 'an unknown model, with the nearest ones named',
    path,
    body: envelope(chat({ model: 'sim-smal' })),
    status: 404,
    code: 'model_not_found',
    message: /sim-small/,
  },
  {
    what: 'an unknown model named like a prototype',
    path,
    body: envelope(chat({ model: '__proto__' })),
    status: 404,
    code: 'model_not_found',
  },
  {
    what: 'an unknown model with a lone surrogate',
    path,
    body: envelope(chat({ model: 'x\ud800' })),
    status: 404,
    code: 'model_not_found',
  },
];

export const policyFaults = (path: string, envelope: (policy: unknown) => Json, prefix: string): Fault[] => [
  {
    what: 'a policy that is no object',
    path,
    body: envelope('cheap'),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}policy`,
  },
  {
    what: 'an unknown field in policy',
    path,
    body: envelope({ speed: 1 }),
    status: 400,
    code: 'unknown_parameter',
    param: `${prefix}policy.speed`,
  },
  {
    what: '__proto__ in policy',
    path,
    raw: JSON.stringify(envelope({ mode: 'cheap' })).replace('"mode":"cheap"', '"__proto__":{"mode":"cheap"}'),
    status: 400,
    code: 'unknown_parameter',
    param: `${prefix}policy.__proto__`,
  },
  {
    what: 'constructor in policy',
    path,
    body: envelope({ constructor: { prototype: { polluted: 1 } } }),
    status: 400,
    code: 'unknown_parameter',
    param: `${prefix}policy.constructor`,
  },
  {
    what: 'a mode that does not exist',
    path,
    body: envelope({ mode: 'fast' }),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}policy.mode`,
  },
  {
    what: 'a weight of a wrong type',
    path,
    body: envelope({ min_weight: '6' }),
    status: 400,
    code: 'invalid_type',
    param: `${prefix}policy.min_weight`,
  },
  {
    what: 'a weight out of bounds',
    path,
    body: envelope({ min_weight: 11 }),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}policy.min_weight`,
  },
  {
    what: 'no models',
    path,
    body: envelope({ models: [] }),
    status: 400,
    code: 'invalid_value',
    param: `${prefix}policy.models`,
  },
  {
    what: 'an unknown model in policy',
    path,
    body: envelope({ models: ['sim-larg'] }),
    status: 404,
    code: 'model_not_found',
    message: /sim-large/,
  },
];

/** Explain answers these with its decision: nothing is to be run. */
export const unroutable = (path: string, envelope: (request: Json, policy: Json) => Json): Fault[] => [
  {
    what: 'a prompt too long for every model',
    path,
    body: envelope({ messages: [{ role: 'user', content: 'word '.repeat(200_000) }] }, {}),
    status: 400,
    code: 'context_length_exceeded',
    message: /sim-small: .*sim-large: /,
  },
  {
    what: 'a policy that no model satisfies, with the reason of each',
    path,
    body: envelope(chat(), { min_weight: 9 }),
    status: 400,
    code: 'no_eligible_model',
    message: /sim-small: .*sim-large: /,
  },
  {
    what: 'a budget that no model meets',
    path,
    body: envelope(chat(), { max_budget_usd: 1e-9 }),
    status: 400,
    code: 'no_eligible_model',
  },
];

export const metadataFaults = (path: string, envelope: (metadata: unknown) => Json, param: string): Fault[] =>
  [
    { what: '17 pairs of metadata', metadata: pairs(17) },
    { what: 'a metadata key of 65 characters', metadata: { ['k'.repeat(65)]: 'v' } },
    { what: 'a metadata value of 513 characters', metadata: { k: 'v'.repeat(513) } },
    { what: 'a metadata value that is no string', metadata: { k: 7 } },
    { what: 'metadata that is a list', metadata: ['k'] },
    { what: 'metadata that is a string', metadata: 'k' },
  ].map(({ what, metadata }) => ({ what, path, body: envelope(metadata), status: 400, code: 'invalid_value', param }));
