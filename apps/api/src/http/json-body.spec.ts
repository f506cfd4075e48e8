import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import type { Request } from 'express';
import { expect, it } from '@jest/globals';
import { FakeResponse } from './fixtures/fake-response.js';
import { readJsonBody } from './json-body.js';

const LIMIT = 2_000;

/** The body that the routes see, or the error that they do not. */
async function read(
  text: string | Buffer,
  headers: Record<string, string> = {},
  limit = LIMIT,
): Promise<{ body: unknown; error: unknown }> {
  const bytes = Buffer.from(text);
  const request = Object.assign(Readable.from([bytes]), {
    headers: { 'content-length': String(bytes.length), 'content-type': 'application/json', ...headers },
  }) as unknown as Request;
  const error = await new Promise<unknown>((resolve) => {
    readJsonBody(limit)(request, new FakeResponse().express, resolve);
  });
  return { body: request.body as unknown, error };
}

it('ten million brackets are refused before they are parsed', async () => {
  const bytes = Buffer.from('['.repeat(10_000_000));
  const since = performance.now();
  expect((await read(bytes, {}, 2 * bytes.length)).error).toMatchObject({ code: 'invalid_value', status: 400 });
  expect(performance.now() - since).toBeLessThan(2_000);
});

it('a refusal carries nothing of the body', async () => {
  const { error } = await read(`["c4n4ry",${nested(300)}]`);
  expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toContain('c4n4ry');
  expect((error as Error).cause).toBeUndefined();
});

it.each(['utf-16', 'utf-16le', 'utf-32'])(
  'another encoding, %s, is refused: it would hide how deep it is',
  async (charset) => {
    const headers = { 'content-type': `application/json; charset=${charset}` };
    expect((await read(Buffer.from('{}', 'utf16le'), headers)).error).toMatchObject({ code: 'unsupported_media_type' });
  },
);

it.each(['gzip', 'deflate', 'br', 'pigeon'])('a packed body (%s) is refused, and not unpacked', async (encoding) => {
  const { body, error } = await read(gzipSync('{"a":1}'), { 'content-encoding': encoding });
  expect(error).toMatchObject({ code: 'unsupported_media_type', status: 415 });
  expect(body).toBeUndefined();
});

const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);

it.each<[string, unknown]>([
  ['{"a":[1,"ü"]}', { a: [1, 'ü'] }],
  ['[]', []],
  ['null', null],
  ['"text"', 'text'],
  [nested(100), expect.any(Array)],
])('%s is read', async (text, body) => expect(await read(text)).toStrictEqual({ body, error: undefined }));

it('any content type is read as JSON: others were refused before', async () => {
  expect(await read('{"a":1}', { 'content-type': 'application/json; charset=utf-8' })).toMatchObject({
    body: { a: 1 },
  });
});

it.each<[string, string, string]>([
  ['half a body', '{"a":', 'invalid_json'],
  ['two values', '{} {}', 'invalid_json'],
  ['no JSON', 'a=1', 'invalid_json'],
  ['more than the limit', JSON.stringify('x'.repeat(LIMIT)), 'body_too_large'],
  ['deep lists', nested(900), 'invalid_value'],
  ['deep objects', '{"a":'.repeat(300) + '1' + '}'.repeat(300), 'invalid_value'],
])('%s is refused', async (_name, text, code) => expect((await read(text)).error).toMatchObject({ code }));

it.each([
  ['{"password":"hunter2hunter2",}', 'The body is not valid JSON (at position 29).'],
  ['{"password":hunter2hunter2}', 'The body is not valid JSON.'],
])('what is broken is told by its place where that is known, and never repeated: %s', async (text, message) => {
  const { error } = await read(text);
  expect(error).toHaveProperty('message', message);
  expect((error as Error).cause).toBeUndefined();
});

it('an unknown charset keeps the status that the parser gave it', async () => {
  const { error } = await read('{}', { 'content-type': 'application/json; charset=klingon' });
  expect(error).toMatchObject({ statusCode: 415, expose: true });
});
