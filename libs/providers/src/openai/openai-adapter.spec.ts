import type { ServerResponse } from 'node:http';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { JsonObject } from '#contracts/json.js';
import { HttpClient } from '#http/http-client.js';
import { startUpstream, type Upstream } from '../fixtures/upstream.js';
import { hasContent } from '../merge-pieces.js';
import type { ProviderCall, StreamedPiece } from '../provider-adapter.js';
import { ProviderError } from '../provider-error.js';
import { readFixture } from './fixtures/read-fixture.js';
import { OpenAiAdapter } from './openai-adapter.js';

const SECRET = 'plain-Secret.42';
let http: HttpClient;
let upstream: Upstream;
let adapter: OpenAiAdapter;
let pieces: StreamedPiece[];

beforeEach(async () => {
  http = new HttpClient({ maxAnswerBytes: 256 * 1024 });
  upstream = await startUpstream();
  adapter = new OpenAiAdapter(http);
  pieces = [];
});

afterEach(async () => {
  await upstream.close();
  await http.close();
});

const TIMEOUTS = { connectMs: 1000, firstTokenMs: 2000, idleMs: 2000, answerMs: 2000, coolDownMs: 30_000 };

function callOf(changes: Partial<ProviderCall> = {}): ProviderCall {
  return {
    kind: 'chat',
    body: { model: 'smart', messages: [{ role: 'user', content: 'Grüß dich' }] },
    upstreamModel: 'gpt-4o-2024-11-20',
    endpoint: upstream.endpoint,
    credential: SECRET,
    timeouts: TIMEOUTS,
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

const streamedCall = (changes: Partial<ProviderCall> = {}): ProviderCall =>
  callOf({ onDelta: (piece) => pieces.push(piece), ...changes });

function answerWith(body: string | Buffer, contentType = 'application/json', status = 200): void {
  upstream.answer = (res) => res.writeHead(status, { 'content-type': contentType }).end(body);
}

function streamWith(run: (res: ServerResponse) => void): void {
  upstream.answer = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
    run(res);
  };
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

const failed = async (promise: Promise<unknown>): Promise<[string, string]> => {
  const error = await failureOf(promise);
  return [error.errorClass, error.options.code];
};

const event = (data: unknown): string => `data: ${typeof data === 'string' ? data : JSON.stringify(data)}\n\n`;
const chunk = (delta: JsonObject, reason: string | null = null, index = 0): string =>
  event({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'm',
    choices: [{ index, delta, finish_reason: reason }],
  });

describe('the request', () => {
  test.each<[ProviderCall['kind'], string, string, JsonObject]>([
    ['chat', '/v1/chat/completions', 'text.json', { messages: [], top_k: 40, metadata: { a: 'b' } }],
    ['completion', '/v1/completions', 'completion.json', { prompt: ['a', 'b'], suffix: null }],
    ['embedding', '/v1/embeddings', 'embedding-base64.json', { input: 'a', encoding_format: 'base64', dimensions: 3 }],
  ])('of kind %s forwards every field to %s, under the upstream model', async (kind, path, fixture, body) => {
    answerWith(readFixture(fixture));
    await adapter.execute(
      callOf({ kind, body: { ...body, model: 'smart', stream: true, stream_options: { include_usage: true } } }),
    );
    expect(upstream.requests).toMatchObject([{ path, body: { ...body, model: 'gpt-4o-2024-11-20' } }]);
    expect(Object.keys(upstream.requests[0]?.body as object).sort()).toEqual([...Object.keys(body), 'model'].sort());
  });

  test('asks a stream for its usage and keeps the other stream options', async () => {
    streamWith((res) => res.end(readFixture('text.sse')));
    await adapter.execute(
      streamedCall({
        body: { model: 'smart', messages: [], stream_options: { include_usage: false, include_obfuscation: false } },
      }),
    );
    expect(upstream.requests[0]?.body).toEqual({
      model: 'gpt-4o-2024-11-20',
      messages: [],
      stream: true,
      stream_options: { include_usage: true, include_obfuscation: false },
    });
  });

  test('of an embedding is never streamed', async () => {
    answerWith(readFixture('embedding-float.json'));
    const answer = await adapter.execute(streamedCall({ kind: 'embedding', body: { input: 'a' } }));
    expect([upstream.requests[0]?.body, answer.ttftMs]).toEqual([{ input: 'a', model: 'gpt-4o-2024-11-20' }, null]);
  });

  test('carries the credential when there is one', async () => {
    answerWith(readFixture('text.json'));
    await adapter.execute(callOf());
    await adapter.execute(callOf({ credential: null }));
    expect(upstream.requests.map(({ headers }) => headers.authorization)).toEqual([`Bearer ${SECRET}`, undefined]);
  });
});

describe('a plain answer', () => {
  test.each<[ProviderCall['kind'], string]>([
    ['chat', 'text.json'],
    ['chat', 'tools.json'],
    ['chat', 'parallel-tools.json'],
    ['chat', 'json-schema.json'],
    ['completion', 'completion.json'],
    ['embedding', 'embedding-float.json'],
    ['embedding', 'embedding-base64.json'],
  ])('of kind %s is passed on as it was written: %s', async (kind, fixture) => {
    answerWith(readFixture(fixture));
    const answer = await adapter.execute(callOf({ kind }));
    expect(answer.body).toBe(readFixture(fixture));
    expect(answer.ttftMs).toBeNull();
    const { usage } = JSON.parse(answer.body) as { usage: { prompt_tokens: number } };
    expect(answer.usage?.inputTokens).toBe(usage.prompt_tokens);
  });

  const choices = (choice: JsonObject): string => JSON.stringify({ choices: [choice] });
  test.each<[string, string, string]>([
    ['half a JSON', '{"choices":[{"mess', 'application/json'],
    ['nothing', '', 'application/json'],
    ['a list', '[]', 'application/json'],
    ['no choices', '{"id":"x"}', 'application/json'],
    ['empty choices', '{"choices":[]}', 'application/json'],
    ['a choice without message', choices({ finish_reason: 'stop' }), 'application/json'],
    ['a choice without finish_reason', choices({ message: { content: 'a' } }), 'application/json'],
    ['a null finish_reason', choices({ message: { content: 'a' }, finish_reason: null }), 'application/json'],
    ['a dropped request', choices({ message: { content: 'a' }, finish_reason: 'abort' }), 'application/json'],
    ['a page', '<html>Please log in</html>', 'text/html; charset=utf-8'],
    ['an answer called a page', readFixture('text.json'), 'text/html'],
  ])('that is not whole is unreadable: %s', async (_name, body, contentType) => {
    answerWith(body, contentType);
    expect(await failed(adapter.execute(callOf()))).toEqual(['transient', 'unreadable_answer']);
  });

  test.each([
    ['{"data":[]}', 'embedding'],
    ['{"data":[{"index":0}]}', 'embedding'],
    ['{"choices":[{"finish_reason":"stop"}]}', 'completion'],
  ] as const)('%s is unreadable as %s', async (body, kind) => {
    answerWith(body);
    expect(await failed(adapter.execute(callOf({ kind })))).toEqual(['transient', 'unreadable_answer']);
  });

  test('with an error inside a success is that error', async () => {
    answerWith(JSON.stringify({ error: { message: 'Quota', code: 'insufficient_quota' } }));
    expect(await failed(adapter.execute(callOf()))).toEqual(['provider_fault', 'insufficient_quota']);
  });

  test('over the size limit is a failure', async () => {
    answerWith(Buffer.alloc(300_000, 'x'));
    expect(await failed(adapter.execute(callOf()))).toEqual(['transient', 'answer_too_large']);
  });

  test('that echoes the key in an error does not show it', async () => {
    answerWith(
      JSON.stringify({ error: { message: `Incorrect API key provided: ${SECRET}`, code: 'invalid_api_key' } }),
      'application/json',
      401,
    );
    expect((await failureOf(adapter.execute(callOf()))).message).toBe('Incorrect API key provided: [redacted]');
  });

  test('that keeps us waiting ends with its own timeout', async () => {
    upstream.answer = (res) => void res.writeHead(200).write(' ');
    expect(await failed(adapter.execute(callOf({ timeouts: { ...TIMEOUTS, answerMs: 40 } })))).toEqual([
      'transient',
      'answer_timeout',
    ]);
  });
});

describe('a stream', () => {
  test.each<['chat' | 'completion', string]>([
    ['chat', 'text'],
    ['chat', 'tools'],
    ['chat', 'parallel-tools'],
    ['chat', 'json-schema'],
    ['completion', 'completion'],
  ])('of kind %s ends as the body of the plain answer: %s', async (kind, fixture) => {
    streamWith((res) => res.end(readFixture(`${fixture}.sse`)));
    const answer = await adapter.execute(streamedCall({ kind }));
    const plain = JSON.parse(readFixture(`${fixture}.json`)) as { choices: { message?: JsonObject }[] };
    for (const { message } of plain.choices) delete message?.annotations;
    expect(JSON.parse(answer.body)).toEqual(plain);
    expect(answer.usage).not.toBeNull();
    expect(answer.ttftMs).toBeGreaterThan(0);
  });

  test('is handed over chunk by chunk, without usage, padding and empty chunks', async () => {
    streamWith((res) => res.end(readFixture('text.sse')));
    await adapter.execute(streamedCall());
    expect(pieces).toHaveLength(6);
    expect(pieces.map(({ choices }) => hasContent(choices))).toEqual([false, true, true, true, true, false]);
    expect(pieces[0]).toEqual({
      choices: [
        { index: 0, delta: { role: 'assistant', content: '', refusal: null }, logprobs: null, finish_reason: null },
      ],
      envelope: {
        id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
        object: 'chat.completion.chunk',
        created: 1762700000,
        model: 'gpt-4o-2024-11-20',
        service_tier: 'default',
        system_fingerprint: 'fp_44709d6fcb',
      },
    });
  });

  test.each([1, 2, 3, 7])('survives bytes that arrive %i at a time', async (size) => {
    const bytes = Buffer.from(chunk({ content: 'Grüße 🎉' }) + chunk({}, 'stop') + event('[DONE]'));
    streamWith((res) => {
      let at = 0;
      const next = (): void => {
        if (at >= bytes.length) return void res.end();
        at += size;
        res.write(bytes.subarray(at - size, at), () => setImmediate(next));
      };
      next();
    });
    const { body } = await adapter.execute(streamedCall());
    expect(JSON.parse(body)).toMatchObject({ choices: [{ message: { content: 'Grüße 🎉' } }] });
  });

  test.each<[string, string]>([
    ['without [DONE]', chunk({ content: 'a' }) + chunk({}, 'stop')],
    ['without its last blank line', (chunk({ content: 'a' }) + chunk({}, 'stop')).trimEnd()],
    [
      'with comments, empty events and CRLF',
      `: keepalive\r\n\r\ndata:\r\n\r\n${chunk({ content: 'a' }, 'stop').replaceAll('\n', '\r\n')}`,
    ],
    ['with half a chunk after its end', `${chunk({ content: 'a' }, 'stop')}data: {"choi`],
    [
      'with a chunk of settings first',
      event({ id: 'c', choices: [], prompt_filter_results: [] }) + chunk({ content: 'a' }, 'stop'),
    ],
  ])('is whole %s', async (_name, text) => {
    streamWith((res) => res.end(text));
    const { body, usage } = await adapter.execute(streamedCall());
    expect([JSON.parse(body), usage]).toMatchObject([
      { choices: [{ message: { content: 'a' }, finish_reason: 'stop' }] },
      null,
    ]);
  });

  test.each<[string, string, [string, string]]>([
    ['ends at once', '', ['transient', 'stream_truncated']],
    ['ends without finish', chunk({ content: 'a' }), ['transient', 'stream_truncated']],
    ['says [DONE] without finish', chunk({ content: 'a' }) + event('[DONE]'), ['transient', 'stream_truncated']],
    [
      'ends before one of two choices does',
      chunk({ content: 'a' }, 'stop') + chunk({ content: 'b' }, null, 1),
      ['transient', 'stream_truncated'],
    ],
    ['ends inside a chunk', `${chunk({ content: 'a' })}data: {"choi`, ['transient', 'stream_truncated']],
    ['was dropped by the server', chunk({ content: 'a' }, 'abort'), ['transient', 'stream_truncated']],
    [
      'has a chunk that is not JSON',
      chunk({ content: 'a' }) + event('{"choices":[{]}'),
      ['transient', 'unreadable_answer'],
    ],
    ['has a chunk that is no object', event('1'), ['transient', 'unreadable_answer']],
    ['has choices that are no list', event({ choices: 'a' }), ['transient', 'unreadable_answer']],
    [
      'has an error',
      chunk({ content: 'a' }) + event({ error: { message: 'x', type: 'server_error' } }),
      ['transient', 'server_error'],
    ],
    [
      'has an error event',
      `event: error\n${event({ message: 'too fast', code: 'rate_limit_exceeded' })}`,
      ['rate_limited', 'rate_limit_exceeded'],
    ],
    [
      "has vLLM's error",
      event({ error: { message: 'x', type: 'BadRequestError', code: 400 } }) + event('[DONE]'),
      ['invalid_request', 'BadRequestError'],
    ],
  ])('that %s is a failure', async (_name, text, expected) => {
    streamWith((res) => res.end(text));
    expect(await failed(adapter.execute(streamedCall()))).toEqual(expected);
  });

  test.each([
    {
      what: 'an error',
      status: 429,
      body: { error: { message: 'x', code: 'slow_down' } },
      expected: ['rate_limited', 'slow_down'],
    },
    {
      what: 'an error inside a success',
      status: 200,
      body: { error: { message: 'x', code: 'content_filter' } },
      expected: ['content_filtered', 'content_filter'],
    },
    {
      what: 'a plain answer',
      status: 200,
      body: JSON.parse(readFixture('text.json')) as unknown,
      expected: ['transient', 'unreadable_answer'],
    },
    { what: 'no object', status: 200, body: 'hello', expected: ['transient', 'unreadable_answer'] },
  ])('that is not one but $what is a failure', async ({ status, body, expected }) => {
    answerWith(JSON.stringify(body), 'application/json', status);
    expect(await failed(adapter.execute(streamedCall()))).toEqual(expected);
  });

  test('that is cut is a failure, and whole when it was cut after its end', async () => {
    streamWith((res) => void res.write(chunk({ content: 'a' }), () => res.destroy()));
    expect(await failed(adapter.execute(streamedCall()))).toEqual(['transient', 'connection_reset']);
    streamWith((res) => void res.write(chunk({ content: 'a' }, 'stop'), () => res.destroy()));
    expect((await adapter.execute(streamedCall())).body).toContain('"content":"a"');
    // Of two choices that were asked for, only one has ended.
    const two = streamedCall({ body: { messages: [], n: 2 } });
    expect(await failed(adapter.execute(two))).toEqual(['transient', 'connection_reset']);
  });

  test('that keeps the connection open after [DONE] does not keep us', async () => {
    streamWith((res) => void res.write(chunk({ content: 'a' }, 'stop') + event('[DONE]')));
    expect((await adapter.execute(streamedCall())).body).toContain('"content":"a"');
  });

  test('measures the first content, not the first event', async () => {
    streamWith((res) => {
      res.write(chunk({ role: 'assistant', content: '' }));
      setTimeout(() => res.end(chunk({ content: 'a' }, 'stop')), 60);
    });
    expect((await adapter.execute(streamedCall())).ttftMs).toBeGreaterThan(50);
  });

  test('without any content is whole and has no first content', async () => {
    streamWith((res) => res.end(chunk({ role: 'assistant', content: '' }) + chunk({}, 'stop')));
    expect((await adapter.execute(streamedCall())).ttftMs).toBeNull();
  });

  test('with what onDelta throws, is dropped', async () => {
    const thrown = new Error('superseded');
    streamWith((res) => void res.write(chunk({ content: 'a' })));
    const onDelta = (): never => {
      throw thrown;
    };
    await expect(adapter.execute(callOf({ onDelta }))).rejects.toBe(thrown);
    await upstream.connectionClosed;
  });
});

describe('silence', () => {
  const short = (changes: Partial<typeof TIMEOUTS>): ProviderCall =>
    streamedCall({ timeouts: { ...TIMEOUTS, ...changes } });

  test('before the headers, and before the first content whatever else arrives, is a first_token_timeout', async () => {
    upstream.answer = () => undefined;
    expect(await failed(adapter.execute(short({ firstTokenMs: 40 })))).toEqual(['transient', 'first_token_timeout']);
    streamWith((res) => {
      res.write(chunk({ role: 'assistant', content: '' }));
      const comments = setInterval(() => res.write(': keepalive\n\n'), 10);
      res.on('close', () => clearInterval(comments));
    });
    expect(await failed(adapter.execute(short({ firstTokenMs: 80 })))).toEqual(['transient', 'first_token_timeout']);
  });

  test('after content is an idle_timeout, even when comments go on', async () => {
    streamWith((res) => {
      res.write(chunk({ content: 'a' }));
      const comments = setInterval(() => res.write(': keepalive\n\n'), 10);
      res.on('close', () => clearInterval(comments));
    });
    expect(await failed(adapter.execute(short({ idleMs: 80 })))).toEqual(['transient', 'idle_timeout']);
  });

  test('a slow stream lives as long as it speaks', async () => {
    streamWith((res) => {
      let n = 0;
      const timer = setInterval(() => {
        n += 1;
        if (n <= 8) return void res.write(chunk({ content: String(n) }));
        clearInterval(timer);
        res.end(chunk({}, 'stop'));
      }, 25);
    });
    expect((await adapter.execute(short({ firstTokenMs: 150, idleMs: 150 }))).body).toContain('"content":"12345678"');
  });
});

describe('the end of a call from our side', () => {
  test.each(['plain', 'streamed'])('a %s call past its deadline has the code deadline', async (mode) => {
    upstream.answer = () => undefined;
    const deadlineMs = Date.now() + 40;
    expect(
      (await failed(adapter.execute(mode === 'plain' ? callOf({ deadlineMs }) : streamedCall({ deadlineMs }))))[1],
    ).toBe('deadline');
    await upstream.connectionClosed;
  });

  test.each(['plain', 'streamed'])(
    'aborting a %s call rejects with the reason and drops the connection',
    async (mode) => {
      const controller = new AbortController();
      const reason = new Error('cancelled by the client');
      const { signal } = controller;
      streamWith((res) => void res.write(chunk({ content: 'a' }), () => controller.abort(reason)));
      await expect(adapter.execute(mode === 'plain' ? callOf({ signal }) : streamedCall({ signal }))).rejects.toBe(
        reason,
      );
      await upstream.connectionClosed;
    },
  );

  test('a call that was aborted before is never sent', async () => {
    const reason = new Error('gone');
    await expect(adapter.execute(callOf({ signal: AbortSignal.abort(reason) }))).rejects.toBe(reason);
    expect(upstream.requests).toEqual([]);
  });
});

describe('the network', () => {
  test('nothing listening is connection_refused', async () => {
    await upstream.close();
    expect(await failed(adapter.execute(callOf()))).toEqual(['transient', 'connection_refused']);
    expect(await failed(adapter.execute(streamedCall()))).toEqual(['transient', 'connection_refused']);
  });

  test('a connection dropped before the answer is connection_reset', async () => {
    upstream.answer = (_res, req) => req.socket.destroy();
    expect(await failed(adapter.execute(callOf()))).toEqual(['transient', 'connection_reset']);
  });

  test('a credential that no header can carry is the provider’s fault', async () => {
    expect(await failed(adapter.execute(callOf({ credential: `${SECRET}\n` })))).toEqual([
      'provider_fault',
      'unsendable_request',
    ]);
  });
});
