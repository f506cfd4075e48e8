import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, jest, test } from '@jest/globals';
import { ERROR_CLASSES, type ErrorClass } from '#contracts/attempt.js';
import type { JsonObject } from '#contracts/json.js';
import { NO_USAGE, type Usage } from '#contracts/usage.js';
import { HttpClient } from '#http/http-client.js';
import { faultsOf, summaryOf, usageOf } from './fixtures/answer-summary.js';
import { startUpstream, type Upstream } from './fixtures/upstream.js';
import { hasContent, mergePieces } from './merge-pieces.js';
import type { ProviderAdapter, ProviderCall, StreamedPiece } from './provider-adapter.js';
import { ProviderError } from './provider-error.js';
import { describeRateLimits, type RateLimitFixture } from './rate-limit-contract.js';

/** A vendor's adapter, and its bodies in the vendor's recorded shape. */
export interface ContractSubject {
  name: string;
  create(http: HttpClient): ProviderAdapter;
  /** The text of `<name>.json` and `<name>.sse` for each of ANSWERS, and `errors.json`: a list of ErrorFixture. */
  fixture(name: string): string;
  /** Errors as events of a stream that has begun. */
  streamErrors: { event: string; errorClass: ErrorClass }[];
  /** The images in the body that the vendor got: `data:` or `https:` URLs. */
  imagesOf(body: JsonObject): string[];
  credentialHeader: { name: string; value(credential: string): string };
  rateLimits: RateLimitFixture;
}

export interface ErrorFixture {
  name: string;
  status: number;
  headers?: Record<string, string>;
  body: unknown;
  errorClass: ErrorClass;
  code: string;
}

/** The same answers from every vendor. */
const ANSWERS = {
  text: { content: 'Grüße aus Köln! 🎉', calls: [], finish: 'stop' },
  tools: { content: null, calls: [['get_weather', { city: 'Köln', unit: 'celsius' }]], finish: 'tool_calls' },
  'parallel-tools': {
    content: null,
    calls: [
      ['get_weather', { city: 'Oslo' }],
      ['get_time', { zone: 'Europe/Oslo' }],
    ],
    finish: 'tool_calls',
  },
  'json-schema': { content: '{"steps":["eins","zwei"],"answer":42}', calls: [], finish: 'stop' },
};
const USAGE: Usage = { ...NO_USAGE, inputTokens: 19, outputTokens: 10 };
const USAGES: Record<string, Usage> = {
  'json-schema': { ...NO_USAGE, inputTokens: 80, outputTokens: 1034, cachedInputTokens: 64, reasoningTokens: 1024 },
};
const SECRET = 'plain-Secret.42';
const TIMEOUTS = { connectMs: 1000, firstTokenMs: 2000, idleMs: 2000, answerMs: 600_000, coolDownMs: 30_000 };
const IMAGES = ['data:image/png;base64,iVBORw0KGgo=', 'https://example.com/cat.webp'];

let http: HttpClient;
let upstream: Upstream;
let adapter: ProviderAdapter;
let pieces: StreamedPiece[];

/** What every adapter does, whatever its vendor's words. */
export function describeAdapterContract(subject: ContractSubject): void {
  describe(`the adapter contract: ${subject.name}`, () => {
    beforeEach(async () => {
      http = new HttpClient();
      upstream = await startUpstream();
      adapter = subject.create(http);
      pieces = [];
    });
    afterEach(async () => {
      await upstream.close();
      await http.close();
    });
    describe.each(Object.keys(ANSWERS) as (keyof typeof ANSWERS)[])('%s', (name) => describeAnswer(subject, name));
    describeRequest(subject);
    describeErrors(subject);
    describeBrokenStreams(subject);
    describeRateLimits({
      limits: subject.rateLimits,
      plain: { call: callOf, body: subject.fixture('text.json') },
      streamed: { call: streamedCall, events: eventsOf(subject.fixture('text.sse')) },
      errorEvents: subject.streamErrors.map(({ event }) => event),
      execute: (call, answer) => {
        upstream.answer = answer;
        return adapter.execute(call);
      },
      failureOf,
    });
  });
}

function describeAnswer(subject: ContractSubject, name: keyof typeof ANSWERS): void {
  const usage = USAGES[name] ?? USAGE;

  test('is one OpenAI-shaped body with its usage, plain', async () => {
    answerWith(subject.fixture(`${name}.json`));
    const answer = await adapter.execute(callOf());
    expect(summaryOf(answer.body)).toEqual(ANSWERS[name]);
    expect([answer.usage, answer.ttftMs]).toEqual([usage, null]);
    expect(usageOf(answer.body)).toEqual(usage);
  });

  test('is the same body when it was streamed', async () => {
    streamWith((res) => res.end(subject.fixture(`${name}.sse`)));
    const answer = await adapter.execute(streamedCall());
    expect(summaryOf(answer.body)).toEqual(ANSWERS[name]);
    expect(answer.usage).toEqual(usage);
    expect(usageOf(answer.body)).toEqual(usage);
    expect(answer.ttftMs).toBeGreaterThan(0);
  });

  test('comes in pieces that clients can put together', async () => {
    streamWith((res) => res.end(subject.fixture(`${name}.sse`)));
    await adapter.execute(streamedCall());
    expect(faultsOf(pieces)).toEqual([]);
    const [merged] = mergePieces(pieces);
    expect(summaryOf(JSON.stringify({ choices: [{ ...merged, message: merged?.delta }] }))).toMatchObject({
      calls: ANSWERS[name].calls,
      finish: ANSWERS[name].finish,
    });
  });

  test('survives bytes that arrive a few at a time', async () => {
    streamWith((res) => writeSlowly(res, Buffer.from(subject.fixture(`${name}.sse`)), 7));
    expect(summaryOf((await adapter.execute(streamedCall())).body)).toEqual(ANSWERS[name]);
  });
}

function describeRequest(subject: ContractSubject): void {
  test('the request names the upstream model and carries the credential where the vendor looks for it', async () => {
    answerWith(subject.fixture('text.json'));
    await adapter.execute(callOf());
    const { credentialHeader: header } = subject;
    expect(upstream.requests[0]).toMatchObject({
      body: { model: 'up-1' },
      headers: { [header.name]: header.value(SECRET) },
    });
    await adapter.execute(callOf({ credential: null }));
    expect(upstream.requests[1]?.headers[header.name]).toBeUndefined();
  });

  test('images go to the vendor, as data and as addresses', async () => {
    answerWith(subject.fixture('text.json'));
    const content = IMAGES.map((url) => ({ type: 'image_url', image_url: { url } }));
    await adapter.execute(callOf({ body: { messages: [{ role: 'user', content }] } }));
    expect(subject.imagesOf(upstream.requests[0]?.body as JsonObject)).toEqual(IMAGES);
  });

  test('aborting rejects with the reason and drops the connection', async () => {
    const controller = new AbortController();
    const reason = new Error('cancelled');
    streamWith((res) => void res.write(subject.fixture('text.sse').slice(0, 40), () => controller.abort(reason)));
    await expect(adapter.execute(streamedCall({ signal: controller.signal }))).rejects.toBe(reason);
    await upstream.connectionClosed;
  });

  test('tells that the request went out when it has, and only then', async () => {
    const onSent = jest.fn();
    upstream.answer = () => undefined;
    await failureOf(adapter.execute(callOf({ onSent, deadlineMs: Date.now() + 40 })));
    expect([onSent.mock.calls.length, upstream.requests.length]).toEqual([1, 1]);
    const unheard = await startUpstream();
    await unheard.close();
    await failureOf(adapter.execute(callOf({ onSent, endpoint: unheard.endpoint })));
    expect(onSent).toHaveBeenCalledTimes(1);
  });

  test('a call past its deadline has the code deadline', async () => {
    upstream.answer = () => undefined;
    expect((await failureOf(adapter.execute(callOf({ deadlineMs: Date.now() + 40 })))).options.code).toBe('deadline');
  });
}

function describeErrors(subject: ContractSubject): void {
  const errors = JSON.parse(subject.fixture('errors.json')) as ErrorFixture[];

  test('has a recorded error of every class', () => {
    expect(new Set(errors.map(({ errorClass }) => errorClass))).toEqual(new Set(ERROR_CLASSES));
  });

  test.each(errors.map((error) => [error.name, error] as const))(
    'the error "%s", plain and streamed',
    async (_, error) => {
      upstream.answer = (res) => {
        res.writeHead(error.status, { 'content-type': 'application/json', ...error.headers });
        res.end(typeof error.body === 'string' ? error.body : JSON.stringify(error.body));
      };
      for (const call of [callOf(), streamedCall()]) {
        const failure = await failureOf(adapter.execute(call));
        expect([failure.errorClass, failure.options.code, failure.options.status]).toEqual([
          error.errorClass,
          error.code,
          error.status,
        ]);
        expect(failure.message).not.toBe('');
      }
    },
  );

  test.each(subject.streamErrors)(
    'an error after a 200 is a $errorClass failure: $event',
    async ({ event, errorClass }) => {
      streamWith((res) => res.end(beforeFinish(subject) + event));
      expect((await failureOf(adapter.execute(streamedCall()))).errorClass).toBe(errorClass);
      expect(hasContent(mergePieces(pieces))).toBe(true);
    },
  );

  test('a page, half a body or nothing in place of an answer is unreadable, plain and streamed', async () => {
    for (const [body, type] of [
      ['<html>It works!</html>', 'text/html'],
      [subject.fixture('text.json').slice(0, 80), 'application/json'],
      ['', 'application/json'],
    ] as const) {
      answerWith(body, type);
      for (const call of [callOf(), streamedCall()]) {
        expect((await failureOf(adapter.execute(call))).toPublic()).toMatchObject({
          class: 'transient',
          code: 'unreadable_answer',
        });
      }
    }
  });
}

function describeBrokenStreams(subject: ContractSubject): void {
  const code = async (): Promise<string> => (await failureOf(adapter.execute(streamedCall()))).options.code;

  test('a stream that ends without its finish is truncated, at whichever event', async () => {
    const events = eventsOf(beforeFinish(subject));
    for (let kept = 0; kept <= events.length; kept++) {
      streamWith((res) => res.end(events.slice(0, kept).join('')));
      expect(await code()).toBe('stream_truncated');
    }
  });

  test('a stream that breaks is a reset, and whole when it broke after its finish', async () => {
    streamWith((res) => void res.write(beforeFinish(subject), () => res.destroy()));
    expect(await code()).toBe('connection_reset');
    const events = eventsOf(subject.fixture('text.sse'));
    streamWith((res) => void res.write(events.slice(0, -1).join(''), () => res.destroy()));
    expect(summaryOf((await adapter.execute(streamedCall())).body)).toEqual(ANSWERS.text);
  });

  test('a finish without the closing event is fine', async () => {
    streamWith((res) => res.end(eventsOf(subject.fixture('text.sse')).slice(0, -1).join('')));
    expect(summaryOf((await adapter.execute(streamedCall())).body)).toEqual(ANSWERS.text);
  });

  test('a chunk that is no JSON is unreadable', async () => {
    streamWith((res) => res.end(`${beforeFinish(subject)}data: {"a\n\n${subject.fixture('text.sse')}`));
    expect(await code()).toBe('unreadable_answer');
  });

  test('silence before content is a first_token_timeout, after it an idle_timeout, whatever comments say', async () => {
    const talk = (res: ServerResponse, text: string): void => {
      res.write(text);
      const comments = setInterval(() => res.write(': keepalive\n\n'), 10);
      res.on('close', () => clearInterval(comments));
    };
    const short = (timeouts: Partial<typeof TIMEOUTS>): ProviderCall =>
      streamedCall({ timeouts: { ...TIMEOUTS, ...timeouts } });
    streamWith((res) => talk(res, eventsOf(subject.fixture('text.sse'))[0] ?? ''));
    expect((await failureOf(adapter.execute(short({ firstTokenMs: 60 })))).options.code).toBe('first_token_timeout');
    streamWith((res) => talk(res, beforeFinish(subject)));
    expect((await failureOf(adapter.execute(short({ idleMs: 60 })))).options.code).toBe('idle_timeout');
  });
}

function callOf(changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    kind: 'chat',
    body: { model: 'smart', messages: [{ role: 'user', content: 'Grüß dich' }] },
    upstreamModel: 'up-1',
    endpoint: upstream.endpoint,
    credential: SECRET,
    timeouts: TIMEOUTS,
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

function streamedCall(changes: Partial<ProviderCall> = {}): ProviderCall {
  return callOf({ onDelta: (piece) => pieces.push(piece), ...changes });
}

function answerWith(body: string, contentType = 'application/json'): void {
  upstream.answer = (res) => res.writeHead(200, { 'content-type': contentType }).end(body);
}

function streamWith(run: (res: ServerResponse) => void): void {
  upstream.answer = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    run(res);
  };
}

function writeSlowly(res: ServerResponse, bytes: Buffer, size: number): void {
  let at = 0;
  const next = (): void => {
    if (at >= bytes.length) return void res.end();
    at += size;
    res.write(bytes.subarray(at - size, at), () => setImmediate(next));
  };
  next();
}

function eventsOf(stream: string): string[] {
  return stream.split(/(?<=\n\n)/);
}

/** The text's stream up to the event with its finish. */
function beforeFinish(subject: ContractSubject): string {
  const events = eventsOf(subject.fixture('text.sse'));
  return events
    .slice(
      0,
      events.findIndex((event) => /"(finish|stop)_reason":"/.test(event)),
    )
    .join('');
}

async function failureOf(promise: Promise<unknown>): Promise<ProviderError> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof ProviderError)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  expect(inspect([error.toPublic(), error], { depth: 10 })).not.toContain(SECRET);
  return error;
}
