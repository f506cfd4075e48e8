import { Writable } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { pino } from 'pino';
import { loggerOptions, type Logger } from './logging.js';

const CANARY = 'canary-5f3b';

/** What a log line says, by writing it with the options of the product. */
function lineOf(write: (logger: Logger) => void): { text: string; line: Record<string, unknown> } {
  let text = '';
  const sink = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  write(pino(loggerOptions('trace', 'api'), sink));
  return { text, line: JSON.parse(text) as Record<string, unknown> };
}

const failing = (fields: object): Error => Object.assign(new Error('it failed'), fields);
const nested = (levels: number, inner: object): object => (levels === 0 ? inner : { child: nested(levels - 1, inner) });

describe('a secret never reaches a line', () => {
  it.each<[string, object]>([
    ['an authorization header', { authorization: `Bearer ${CANARY}` }],
    ['request headers', { req: { headers: { authorization: CANARY, 'x-api-key': CANARY, cookie: CANARY } } }],
    ['answer headers', { res: { headers: { 'set-cookie': [CANARY] } } }],
    ['headers in capitals', { upstream: { request: { headers: { Authorization: CANARY, 'X-API-Key': CANARY } } } }],
    ['a credential', { call: { credential: CANARY } }],
    ['a credential as an object', { credential: { source: 'config', value: CANARY } }],
    [
      'keys of a configuration',
      { config: { apiKey: CANARY, adminToken: CANARY, redis: { access: { password: CANARY } } } },
    ],
    ['keys as the wire names them', { body: { api_key: CANARY, webhook: { secret: CANARY } } }],
    ['a list of objects', { providers: [{ id: 'a' }, { id: 'b', credential: CANARY }] }],
    ['six levels', nested(6, { apiKey: CANARY })],
    ['far below', nested(40, { apiKey: CANARY })],
    ['an error', { err: failing({ options: { headers: { authorization: CANARY } } }) }],
    ['an error under another name', { reason: failing({ credential: CANARY }) }],
    ['an error in an error', { err: failing({ options: { cause: failing({ apiKey: CANARY }) } }) }],
    ['several errors', { err: new AggregateError([failing({ apiKey: CANARY })], 'all') }],
    ['a command of Redis', { err: failing({ command: { name: 'auth', args: ['default', CANARY] } }) }],
    [
      'a script with its prompt',
      { err: failing({ command: { name: 'tokenhubCreate', args: [JSON.stringify({ prompt: CANARY })] } }) },
    ],
  ])('%s', (_name, fields) => {
    const { text, line } = lineOf((logger) => logger.error(fields, 'message'));
    expect(text).not.toContain(CANARY);
    expect(line).toMatchObject({ role: 'api', msg: 'message' });
  });

  it('an error by itself', () => {
    expect(lineOf((logger) => logger.error(failing({ apiKey: CANARY }))).text).not.toContain(CANARY);
  });
});

describe('everything else is logged', () => {
  it('as it is', () => {
    const fields = { jobId: 'job_1', n: 0, ok: false, none: null, list: [1, { a: 'b' }], tokens: 5, at: new Date(0) };
    expect(lineOf((logger) => logger.info(fields, 'hi')).line).toMatchObject({
      ...fields,
      at: '1970-01-01T00:00:00.000Z',
      msg: 'hi',
    });
  });

  it('with the name of what was cut', () => {
    expect(lineOf((logger) => logger.info({ a: { apiKey: 'x', kept: 1 } })).line).toMatchObject({
      a: { apiKey: '[redacted]', kept: 1 },
    });
  });

  it('an error with its type, message, stack, code and cause', () => {
    const error = Object.assign(new TypeError('outer', { cause: new Error('inner') }), {
      code: 'E1',
      command: { name: 'get', args: [] },
    });
    const { line } = lineOf((logger) => logger.warn({ err: error }, 'broke'));
    expect(line.err).toMatchObject({
      type: 'TypeError',
      message: 'outer: inner',
      code: 'E1',
      command: { name: 'get' },
    });
    expect(line.err).toHaveProperty('stack', expect.stringContaining('caused by: Error: inner'));
  });

  it('an error by itself, with its message', () => {
    expect(lineOf((logger) => logger.error(new Error('alone'))).line).toMatchObject({
      msg: 'alone',
      err: { type: 'Error' },
    });
  });

  it('and what was logged stays as it was', () => {
    const fields = { headers: { authorization: CANARY } };
    lineOf((logger) => logger.info(fields));
    expect(fields.headers.authorization).toBe(CANARY);
  });

  it('to a depth that bounds the cost of a line', () => {
    const { text } = lineOf((logger) => logger.info(nested(1_000, { name: 'bottom' })));
    expect(text).toContain('[…]');
    expect(text.length).toBeLessThan(500);
  });

  it('also what refers to itself', () => {
    const loop: Record<string, unknown> = { name: 'loop' };
    loop.self = loop;
    expect(lineOf((logger) => logger.info({ loop })).line).toMatchObject({ loop: { name: 'loop', self: '[…]' } });
  });
});
