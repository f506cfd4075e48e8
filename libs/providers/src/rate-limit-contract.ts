import type { ServerResponse } from 'node:http';
import { describe, expect, test } from '@jest/globals';
import type { RateLimitReading } from '#contracts/rate-limits.js';
import type { ProviderAnswer, ProviderCall } from './provider-adapter.js';
import type { ProviderError } from './provider-error.js';

/** The vendor's headers, and what they mean. */
export interface RateLimitFixture {
  headers: Record<string, string>;
  reading: RateLimitReading;
}

/** One adapter, its upstream, and the vendor's words. */
export interface RateLimitSubject {
  limits: RateLimitFixture;
  plain: { call: () => ProviderCall; body: string };
  streamed: { call: (changes?: Partial<ProviderCall>) => ProviderCall; events: string[] };
  /** Errors as events of a stream that has begun. */
  errorEvents: string[];
  execute: (call: ProviderCall, answer: (res: ServerResponse) => void) => Promise<ProviderAnswer>;
  failureOf: (promise: Promise<unknown>) => Promise<ProviderError>;
}

type Headers = Record<string, string>;

/** Whatever becomes of a call, it brings what the response's headers said. */
export function describeRateLimits(subject: RateLimitSubject): void {
  describe('rate limits in the headers', () => {
    describeAnswers(subject);
    describeFailures(subject);
  });
}

function describeAnswers({ limits, plain, streamed, execute }: RateLimitSubject): void {
  const answerWith = (headers: Headers): Promise<ProviderAnswer> =>
    execute(plain.call(), (res) => respond(res, { status: 200, type: JSON_TYPE, headers }).end(plain.body));
  const streamWith = (headers: Headers): Promise<ProviderAnswer> =>
    execute(streamed.call(), (res) =>
      respond(res, { status: 200, type: SSE_TYPE, headers }).end(streamed.events.join('')),
    );

  test('come with an answer, plain and streamed', async () => {
    expect((await answerWith(limits.headers)).rateLimits).toEqual(limits.reading);
    expect((await streamWith(limits.headers)).rateLimits).toEqual(limits.reading);
  });

  test('are null where there are none', async () => {
    expect((await answerWith({})).rateLimits).toBeNull();
    expect((await streamWith({})).rateLimits).toBeNull();
  });

  test.each(['', 'soon', '-1', '1e400', 'null', '1,2'])('written as %j harm neither answer', async (garbage) => {
    const headers = Object.fromEntries(Object.keys(limits.headers).map((name) => [name, garbage]));
    for (const answer of [await answerWith(headers), await streamWith(headers)]) {
      expect([answer.rateLimits, answer.body.length > 0]).toEqual([null, true]);
    }
  });
}

function describeFailures({ limits, plain, streamed, errorEvents, execute, failureOf }: RateLimitSubject): void {
  const { headers, reading } = limits;
  const begun = streamed.events.slice(0, 2).join('');
  const failWith = (call: ProviderCall, answer: (res: ServerResponse) => void): Promise<ProviderError> =>
    failureOf(execute(call, answer));
  const brokenStreams: [string, (res: ServerResponse) => void][] = [
    ...errorEvents.map(
      (event) => [`with ${event}`, (res) => res.end(begun + event)] satisfies (typeof brokenStreams)[0],
    ),
    ['truncated', (res) => res.end(begun)],
    ['unreadable', (res) => res.end(`${begun}data: {"a\n\n`)],
    ['broken', (res) => void res.write(begun, () => res.destroy())],
    ['silent', (res) => void res.write(': comment\n\n')],
  ];

  test('come with a 429, plain and streamed', async () => {
    for (const call of [plain.call(), streamed.call()]) {
      const failure = await failWith(call, (res) => respond(res, { status: 429, type: JSON_TYPE, headers }).end('{}'));
      expect([failure.errorClass, failure.rateLimits]).toEqual(['rate_limited', reading]);
    }
  });

  test('come with a failure of the server, and are null where that says nothing', async () => {
    for (const [said, expected] of [
      [headers, reading],
      [{}, null],
    ] as const) {
      const failure = await failWith(plain.call(), (res) =>
        respond(res, { status: 500, type: JSON_TYPE, headers: said }).end('{}'),
      );
      expect(failure.rateLimits).toEqual(expected);
    }
  });

  test.each(brokenStreams)('come with a stream that failed: %s', async (_how, run) => {
    const timeouts = { ...streamed.call().timeouts, firstTokenMs: 60 };
    const failure = await failWith(streamed.call({ timeouts }), (res) =>
      run(respond(res, { status: 200, type: SSE_TYPE, headers })),
    );
    expect(failure.rateLimits).toEqual(reading);
  });

  test('come with a plain answer that cannot be read, or breaks', async () => {
    for (const finish of [(res: ServerResponse) => res.end(), (res: ServerResponse) => res.destroy()]) {
      const failure = await failWith(plain.call(), (res) => {
        respond(res, { status: 200, type: JSON_TYPE, headers }).write(plain.body.slice(0, 40), () => finish(res));
      });
      expect(failure.rateLimits).toEqual(reading);
    }
  });
}

const JSON_TYPE = 'application/json';
const SSE_TYPE = 'text/event-stream; charset=utf-8';

function respond(
  res: ServerResponse,
  { status, type, headers }: { status: number; type: string; headers: Headers },
): ServerResponse {
  return res.writeHead(status, { ...headers, 'content-type': type });
}
