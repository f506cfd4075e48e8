import { BadRequestException, HttpException, NotFoundException, type ArgumentsHost } from '@nestjs/common';
import { beforeEach, describe, expect, it, jest } from '@jest/globals';
import { TokenhubError } from '#contracts/error-catalogue.js';
import type { Logger } from '#platform/logging.js';
import { ErrorFilter } from './error.filter.js';
import { FakeResponse } from './fixtures/fake-response.js';

const CANARY = 'hunter2-canary';
const error = jest.fn();
const warn = jest.fn();
const filter = new ErrorFilter({ error, warn } as unknown as Logger);

beforeEach(() => {
  jest.clearAllMocks();
});

describe('the line of who was refused at the admin door', () => {
  const wrongPassword = new TokenhubError('vault_password_wrong');
  const tooMany = new TokenhubError('rate_limit_exceeded');

  it.each([
    ['a wrong token', new TokenhubError('admin_token_required'), '/admin/v1/vault', {}, 1],
    ['an old session, at a path in capitals', new TokenhubError('session_ended'), '/ADMIN/v1/vault', {}, 1],
    ['a page of another origin', new TokenhubError('csrf_refused'), '/admin/v1/session', {}, 1],
    ['one try too many', tooMany, '/admin/v1/session', {}, 1],
    ['a wrong password of an administrator', wrongPassword, '/admin/v1/vault/unlock', { admin: { id: 'token' } }, 0],
    ['one password too many of an administrator', tooMany, '/admin/v1/vault/unlock', { admin: { id: 'token' } }, 0],
    ['one request too many of a consumer', tooMany, '/v1/jobs', {}, 0],
  ])('%s', (_what, cause, path, more, lines) => {
    const counting = new ErrorFilter({ error, warn } as unknown as Logger);
    const request = { method: 'POST', path, ip: '203.0.113.7', socket: { remoteAddress: '10.0.0.1' }, ...more };
    const response = new FakeResponse();
    const http = { getRequest: () => request, getResponse: () => response };
    counting.catch(cause, { switchToHttp: () => http } as unknown as ArgumentsHost);
    const told = { refused: 1, code: cause.code, address: '203.0.113.7' };
    expect(warn.mock.calls).toEqual(lines === 0 ? [] : [[told, 'refused at the admin door']]);
  });
});

function answerTo(cause: unknown, path = '/v1/jobs', response = new FakeResponse()): FakeResponse {
  response.setHeader('x-request-id', 'req_9');
  catchIt(cause, path, response);
  return response;
}

function catchIt(cause: unknown, path: string, response: FakeResponse): void {
  const http = { getRequest: () => ({ method: 'POST', path }), getResponse: () => response };
  filter.catch(cause, { switchToHttp: () => http } as unknown as ArgumentsHost);
}

const bodyOf = (response: FakeResponse): unknown => JSON.parse(response.text);
const parserError = (statusCode: number, message: string): Error =>
  Object.assign(new Error(message), { expose: statusCode < 500, statusCode });

describe('what the framework says', () => {
  it.each<[string, unknown, number, string]>([
    ['an unsupported charset', parserError(415, 'unsupported charset "X"'), 415, 'unsupported_media_type'],
    ['a wrong content length', parserError(400, 'request size did not match content length'), 400, 'invalid_request'],
    ['a body that is too large', parserError(413, 'request entity too large'), 413, 'body_too_large'],
    ['an unknown route', new NotFoundException(), 404, 'unknown_url'],
    ['a path that cannot be decoded', new BadRequestException("Failed to decode param '%'"), 400, 'invalid_request'],
    ['another verb', new HttpException('no', 405), 405, 'method_not_allowed'],
    ['a teapot', new HttpException('short and stout', 418), 418, 'invalid_request'],
  ])('%s', (_name, cause, status, code) => {
    const response = answerTo(cause);
    expect(response.statusCode).toBe(status);
    expect(bodyOf(response)).toMatchObject({ status, code, request_id: 'req_9' });
    expect(error).not.toHaveBeenCalled();
  });

  it('an unknown route is named', () => {
    expect(bodyOf(answerTo(new NotFoundException(), '/v1/chat'))).toMatchObject({
      error: { message: 'There is no route POST /v1/chat.', code: 'unknown_url' },
    });
  });
});

describe('what nobody expected', () => {
  const withFields = Object.assign(new TypeError(CANARY), { statusCode: 400, expose: 'yes', status: 418 });
  it.each<[string, unknown]>([
    ['an error', new Error(CANARY)],
    ['an error that only looks like the parser’s', withFields],
    ['a server error of the framework', new HttpException(CANARY, 500)],
    ['a text', CANARY],
    ['a number', 42],
    ['null', null],
    ['undefined', undefined],
  ])('%s is a 500 without any detail, and logged', (_name, cause) => {
    const response = answerTo(cause);
    expect(response.statusCode).toBe(500);
    expect(bodyOf(response)).toStrictEqual({
      type: 'about:blank',
      title: 'Something went wrong on our side',
      status: 500,
      detail: 'Something went wrong on our side',
      code: 'internal_error',
      request_id: 'req_9',
    });
    expect(response.text).not.toContain(CANARY);
    expect(error).toHaveBeenCalledWith(expect.objectContaining({ err: cause, requestId: 'req_9' }), 'request failed');
  });
});

describe('a store that is away', () => {
  it.each([
    ['/v1/jobs', 'application/problem+json'],
    ['/v1/chat/completions', 'application/json'],
  ])('is a 503 on %s that says when to try again', (path, type) => {
    const response = answerTo(new Error('Connection is closed.'), path);
    expect(response.statusCode).toBe(503);
    expect(response.headers).toMatchObject({ 'retry-after': '2', 'content-type': type });
    expect(response.text).toContain('"code":"store_unavailable"');
    expect(response.text).not.toContain('Connection is closed');
    expect(error).not.toHaveBeenCalled();
    expect(warn).toHaveBeenCalledTimes(1);
  });
});

it('an error of our own is answered as it is, and not logged when it is the client’s', () => {
  const response = answerTo(new TokenhubError('job_not_found', 'There is no job x.'));
  expect(response.statusCode).toBe(404);
  expect(bodyOf(response)).toMatchObject({ code: 'job_not_found', detail: 'There is no job x.' });
  expect(error).not.toHaveBeenCalled();
  expect(warn).not.toHaveBeenCalled();
});

describe('after the headers were sent', () => {
  it('the error is the last event of the stream, without any detail of ours', () => {
    const response = new FakeResponse();
    response.setHeader('x-request-id', 'req_9');
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: {}\n\n');
    catchIt(new Error(CANARY), '/v1/chat/completions', response);
    expect(response.statusCode).toBe(200);
    expect(response.written[1]).toBe(
      'data: {"error":{"message":"Something went wrong on our side","type":"server_error","param":null,"code":"internal_error"}}\n\n',
    );
    expect(response.writableEnded).toBe(true);
  });

  it('nothing is written to a response that has ended', () => {
    const response = new FakeResponse();
    response.end('all');
    catchIt(new Error(CANARY), '/v1/jobs', response);
    expect(response.text).toBe('all');
  });
});
