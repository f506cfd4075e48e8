import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { simulatorConfig } from '#testing/simulator-config.js';
import { type Stack, startStack } from '#testing/stack.js';
import {
  BODY_LIMIT,
  CHAT,
  chatFaults,
  COMPLETIONS,
  EMBEDDINGS,
  everywhere,
  EXPLAIN,
  type Fault,
  JOBS,
  metadataFaults,
  policyFaults,
  unroutable,
} from './bad-bodies.js';
import { type Answer, ask, chat, chatJob, footprint, type Json, post, SimulatorControl } from './doors.js';

let stack: Stack;
let simulator: SimulatorControl;
let before: Record<string, string>;
/** A job that has been cancelled and one that waits: there before the table, and unchanged after it. */
let finishedId: string;
let waitingId: string;

beforeAll(async () => {
  stack = await startStack({
    appendfsync: 'no',
    config: (url) => ({ ...simulatorConfig(url), server: { body_limit_mb: BODY_LIMIT / 1_048_576 } }),
  });
  simulator = new SimulatorControl(stack.simulatorUrl);
  const later = { not_before: new Date(Date.now() + 3_600_000).toISOString() };
  finishedId = (await post(stack.url, chatJob(later))).id;
  await ask(`${stack.url}/v1/jobs/${finishedId}/cancel`, { method: 'POST' });
  waitingId = (await post(stack.url, chatJob(later), { 'idempotency-key': 'taken' })).id;
  await simulator.reset();
  before = await footprint(stack.redis.url);
});

afterAll(async () => {
  await stack.stop();
});

const NO_JOB = `job_${'0'.repeat(32)}`;
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();

const jobFaults: Fault[] = [
  {
    what: 'an unknown field',
    path: JOBS,
    body: chatJob({ priority: 'high' }),
    status: 400,
    code: 'unknown_parameter',
    param: 'priority',
  },
  {
    what: '__proto__ as a field',
    path: JOBS,
    raw: JSON.stringify(chatJob()).replace('{', '{"__proto__":{"polluted":1},'),
    status: 400,
    code: 'unknown_parameter',
    param: '__proto__',
  },
  {
    what: 'constructor as a field',
    path: JOBS,
    body: chatJob({ constructor: 1 }),
    status: 400,
    code: 'unknown_parameter',
    param: 'constructor',
  },
  {
    what: 'no type',
    path: JOBS,
    body: { request: chat() },
    status: 400,
    code: 'missing_required_parameter',
    param: 'type',
  },
  {
    what: 'a type that does not exist',
    path: JOBS,
    body: chatJob({ type: 'video' }),
    status: 400,
    code: 'invalid_value',
    param: 'type',
  },
  {
    what: 'no request',
    path: JOBS,
    body: { type: 'chat' },
    status: 400,
    code: 'missing_required_parameter',
    param: 'request',
  },
  {
    what: 'a request that is a list',
    path: JOBS,
    body: { type: 'chat', request: [] },
    status: 400,
    code: 'invalid_type',
    param: 'request',
  },
  {
    what: 'a deadline in the past',
    path: JOBS,
    body: chatJob({ deadline: soon(-1_000) }),
    status: 400,
    code: 'deadline_in_past',
    param: 'deadline',
  },
  {
    what: 'a deadline that is no time',
    path: JOBS,
    body: chatJob({ deadline: 'tomorrow' }),
    status: 400,
    code: 'invalid_value',
    param: 'deadline',
  },
  {
    what: 'a deadline as a week',
    path: JOBS,
    body: chatJob({ deadline: '2040-W05-1' }),
    status: 400,
    code: 'invalid_value',
    param: 'deadline',
  },
  {
    what: 'a not_before as a week',
    path: JOBS,
    body: chatJob({ not_before: '2040-W05-1' }),
    status: 400,
    code: 'invalid_value',
    param: 'not_before',
  },
  {
    what: 'timeout_ms together with a deadline',
    path: JOBS,
    body: chatJob({ timeout_ms: 1_000, deadline: soon(60_000) }),
    status: 400,
    code: 'invalid_request',
    param: 'deadline',
  },
  {
    what: 'a deadline before not_before',
    path: JOBS,
    body: chatJob({ deadline: soon(60_000), not_before: soon(120_000) }),
    status: 400,
    code: 'invalid_value',
    param: 'deadline',
  },
  ...[0, -1, 1.5, 1e300, '1000'].map((timeout_ms): Fault => {
    const isNumber = typeof timeout_ms === 'number' && Number.isInteger(timeout_ms);
    const code = isNumber ? 'invalid_value' : 'invalid_type';
    return {
      what: `timeout_ms ${JSON.stringify(timeout_ms)}`,
      path: JOBS,
      body: chatJob({ timeout_ms }),
      status: 400,
      code,
      param: 'timeout_ms',
    };
  }),
  {
    what: 'an orchestration that does not say which',
    path: JOBS,
    body: chatJob({ type: 'orchestration' }),
    status: 400,
    code: 'missing_required_parameter',
    param: 'orchestration',
  },
  {
    what: 'a webhook in a project without a secret to sign it',
    path: JOBS,
    body: chatJob({ webhook: { url: 'https://example.org/hook' } }),
    status: 400,
    code: 'webhook_secret_missing',
    param: 'webhook',
  },
  {
    what: 'a webhook without a URL',
    path: JOBS,
    body: chatJob({ webhook: {} }),
    status: 400,
    code: 'missing_required_parameter',
    param: 'webhook.url',
  },
  ...['http://example.org/', 'https://10.0.0.1/', 'https://[::1]/', 'https://a:b@example.org/'].map((url): Fault => ({
    what: `a webhook to ${url}`,
    path: JOBS,
    body: chatJob({ webhook: { url } }),
    status: 400,
    code: 'invalid_value',
    param: 'webhook.url',
  })),
  {
    what: 'an empty prompt',
    path: JOBS,
    body: { type: 'completion', request: { prompt: '' } },
    status: 400,
    code: 'invalid_value',
    param: 'request.prompt',
  },
  {
    what: 'an empty input',
    path: JOBS,
    body: { type: 'embedding', request: { input: [] } },
    status: 400,
    code: 'invalid_value',
    param: 'request.input',
  },
  {
    what: 'a chat for a model that only embeds',
    path: JOBS,
    body: chatJob({ request: { model: 'sim-embedding' } }),
    status: 400,
    code: 'no_eligible_model',
    message: /sim-embedding: /,
  },
  {
    what: 'an idempotency key with another body',
    path: JOBS,
    body: chatJob(),
    headers: { 'idempotency-key': 'taken' },
    status: 422,
    code: 'idempotency_conflict',
  },
];

const keyFaults: Fault[] = [JOBS, CHAT].flatMap((path): Fault[] => {
  const body = path === JOBS ? chatJob() : chat();
  const at = { path, body, status: 400, code: 'invalid_value', param: 'Idempotency-Key' };
  return [
    { what: 'an empty idempotency key', headers: { 'idempotency-key': '' }, ...at },
    { what: 'an idempotency key of empty quotes', headers: { 'idempotency-key': '""' }, ...at },
    { what: 'an idempotency key of 256 characters', headers: { 'idempotency-key': 'k'.repeat(256) }, ...at },
  ];
});

const openAiFaults: Fault[] = [
  {
    what: 'an unknown field under tokenhub',
    path: CHAT,
    body: chat({ tokenhub: { webhook: {} } }),
    status: 400,
    code: 'unknown_parameter',
    param: 'tokenhub.webhook',
  },
  {
    what: 'a tokenhub that is no object',
    path: CHAT,
    body: chat({ tokenhub: 1 }),
    status: 400,
    code: 'invalid_type',
    param: 'tokenhub',
  },
  { what: 'no prompt', path: COMPLETIONS, body: {}, status: 400, code: 'missing_required_parameter', param: 'prompt' },
  {
    what: 'an empty prompt',
    path: COMPLETIONS,
    body: { prompt: '' },
    status: 400,
    code: 'invalid_value',
    param: 'prompt',
  },
  { what: 'no input', path: EMBEDDINGS, body: {}, status: 400, code: 'missing_required_parameter', param: 'input' },
  { what: 'an empty input', path: EMBEDDINGS, body: { input: '' }, status: 400, code: 'invalid_value', param: 'input' },
  {
    what: 'negative token ids',
    path: EMBEDDINGS,
    body: { input: [-1] },
    status: 400,
    code: 'invalid_value',
    param: 'input[0]',
  },
  {
    what: 'an encoding that does not exist',
    path: EMBEDDINGS,
    body: { input: 'a', encoding_format: 'hex' },
    status: 400,
    code: 'invalid_value',
    param: 'encoding_format',
  },
  { what: 'an unknown model', path: '/v1/models/sim-larg', status: 404, code: 'model_not_found', message: /sim-large/ },
  { what: 'a model id that cannot be decoded', path: '/v1/models/%E0%A4%A', status: 400, code: 'invalid_request' },
  { what: 'an unknown route', path: '/v1/images', status: 404, code: 'unknown_url' },
  { what: 'an unknown route with a body', path: '/v1/images/generations', body: {}, status: 404, code: 'unknown_url' },
];

const readFaults: Fault[] = [
  ...['', '/result', '/events'].map((part): Fault => ({
    what: 'an unknown job',
    path: `${JOBS}/${NO_JOB}${part}`,
    status: 404,
    code: 'job_not_found',
  })),
  ...['', '/result', '/events'].map((part): Fault => ({
    what: 'a malformed job id',
    path: `${JOBS}/job_%2e%2e%2f${part}`,
    status: 404,
    code: 'job_not_found',
  })),
  { what: 'a job id that cannot be decoded', path: `${JOBS}/%E0%A4%A`, status: 400, code: 'invalid_request' },
  {
    what: 'an unknown job cancelled',
    method: 'POST',
    path: `${JOBS}/${NO_JOB}/cancel`,
    status: 404,
    code: 'job_not_found',
  },
  {
    what: 'an unknown job tried again',
    method: 'POST',
    path: `${JOBS}/${NO_JOB}/retry`,
    status: 404,
    code: 'job_not_found',
  },
  {
    what: 'a cancelled job tried again',
    method: 'POST',
    path: `${JOBS}/FINISHED/retry`,
    status: 409,
    code: 'job_not_retryable',
  },
  {
    what: 'an unfinished job tried again',
    method: 'POST',
    path: `${JOBS}/WAITING/retry`,
    status: 409,
    code: 'job_not_retryable',
  },
  { what: 'an unknown job erased', method: 'DELETE', path: `${JOBS}/${NO_JOB}`, status: 404, code: 'job_not_found' },
  ...['0', '61', '-1', '1.5', 'soon', '', '1&wait=2'].map((wait): Fault => ({
    what: `?wait=${wait}`,
    path: `${JOBS}/FINISHED?wait=${wait}`,
    status: 400,
    code: 'invalid_value',
    param: 'wait',
  })),
  ...['0', '101', 'many', '1.5', '', '1&limit=2'].map((limit): Fault => ({
    what: `?limit=${limit}`,
    path: `${JOBS}?limit=${limit}`,
    status: 400,
    code: 'invalid_value',
    param: 'limit',
  })),
  {
    what: 'a cursor that is no job id',
    path: `${JOBS}?after=yesterday`,
    status: 400,
    code: 'invalid_value',
    param: 'after',
  },
  {
    what: 'an unknown query parameter',
    path: `${JOBS}?colour=red`,
    status: 400,
    code: 'unknown_parameter',
    param: 'colour',
  },
  ...['-1', 'x', '1.5'].map((id): Fault => ({
    what: `?starting_after=${id}`,
    path: `${JOBS}/FINISHED/events?starting_after=${id}`,
    status: 400,
    code: 'invalid_value',
  })),
  {
    what: 'a Last-Event-ID that is none',
    path: `${JOBS}/FINISHED/events`,
    headers: { 'last-event-id': 'x' },
    status: 400,
    code: 'invalid_value',
  },
  { what: 'a second cancel', method: 'POST', path: `${JOBS}/FINISHED/cancel`, status: 409, code: 'job_finished' },
  { what: 'an unfinished job erased', method: 'DELETE', path: `${JOBS}/WAITING`, status: 409, code: 'job_unfinished' },
  { what: 'an unknown route below a job', path: `${JOBS}/FINISHED/pages`, status: 404, code: 'unknown_url' },
  { what: 'a method that the route does not take', method: 'PUT', path: JOBS, status: 404, code: 'unknown_url' },
  { what: 'an unknown route', path: '/nowhere', status: 404, code: 'unknown_url' },
];

const table: Fault[] = [
  ...everywhere,
  ...[JOBS, EXPLAIN].flatMap((path) => chatFaults(path, (request) => ({ type: 'chat', request }), 'request.')),
  ...chatFaults(CHAT, (request) => request, ''),
  ...[JOBS, EXPLAIN].flatMap((path) => policyFaults(path, (policy) => chatJob({ policy }), '')),
  ...policyFaults(CHAT, (policy) => chat({ tokenhub: { policy } }), 'tokenhub.'),
  ...unroutable(JOBS, (request, policy) => ({ type: 'chat', request, policy })),
  ...unroutable(CHAT, (request, policy) => ({ ...request, tokenhub: { policy } })),
  ...metadataFaults(JOBS, (metadata) => chatJob({ metadata }), 'metadata'),
  ...metadataFaults(CHAT, (metadata) => chat({ tokenhub: { metadata } }), 'tokenhub.metadata'),
  {
    what: 'an unknown field',
    path: EXPLAIN,
    body: chatJob({ timeout_ms: 1_000 }),
    status: 400,
    code: 'unknown_parameter',
    param: 'timeout_ms',
  },
  ...jobFaults,
  ...keyFaults,
  ...openAiFaults,
  ...readFaults,
];

describe('bad input', () => {
  it.each(table.map((fault) => ({ ...fault, verb: verbOf(fault) })))(
    '$what on $verb $path is a $status $code',
    async (fault) => {
      const path = fault.path.replace('FINISHED', finishedId).replace('WAITING', waitingId);
      const answer = await ask(`${stack.url}${path}`, fault);
      expect({ status: answer.status, text: answer.text }).toEqual({ status: fault.status, text: expect.any(String) });
      expect(errorIn(path, answer)).toMatchObject({
        code: fault.code,
        ...(fault.param !== undefined && { param: fault.param }),
        message: expect.stringMatching(fault.message ?? /\S/) as unknown,
      });
    },
  );

  it('leaves no record and no queue entry, and reaches no provider', async () => {
    expect(await footprint(stack.redis.url)).toEqual(before);
    expect((await simulator.counters()).requests).toBe(0);
  });
});

function verbOf({ method, body, raw }: Fault): string {
  return method ?? (body === undefined && raw === undefined ? 'GET' : 'POST');
}

/** The error in its route's dialect: Tokenhub's own routes answer problem documents, the others OpenAI's shape. */
function errorIn(path: string, { body, headers, status }: Answer): Json {
  if (/^\/v1\/(?!jobs\b|route\b)/.test(path)) {
    expect(headers.get('content-type')).toBe('application/json');
    const { error } = body as { error: Json };
    expect(Object.keys(error).sort()).toEqual(['code', 'message', 'param', 'type']);
    expect(error.type).toBe('invalid_request_error');
    return error;
  }
  expect(headers.get('content-type')).toBe('application/problem+json');
  expect(body).toMatchObject({ type: 'about:blank', status, title: expect.stringMatching(/\S/) as unknown });
  expect(body.request_id).toBe(headers.get('x-request-id'));
  for (const { pointer } of (body.errors ?? []) as { pointer: string }[]) expect(pointer).toMatch(/^\//);
  return { ...body, message: body.detail };
}
