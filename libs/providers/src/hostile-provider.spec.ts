import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import process from 'node:process';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { ProviderType } from '#contracts/registry-snapshot.js';
import { HttpClient } from '#http/http-client.js';
import { adapterFor } from './adapters.js';
import { startUpstream, type Upstream } from './fixtures/upstream.js';
import { listModels } from './list-models.js';
import type { ProviderCall } from './provider-adapter.js';
import { ProviderError } from './provider-error.js';

const MIB = 1024 * 1024;
const TYPES: ProviderType[] = ['openai', 'anthropic', 'vllm'];
const TIMEOUTS = { connectMs: 1_000, firstTokenMs: 10_000, idleMs: 10_000, answerMs: 10_000, coolDownMs: 30_000 };

let http: HttpClient;
let upstream: Upstream;
const cleanups: (() => void)[] = [];

beforeEach(async () => {
  http = new HttpClient();
  upstream = await startUpstream();
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) cleanup();
  await upstream.close();
  await http.close();
});

/** How the call of a provider of this type fails. */
async function failureOf(
  type: ProviderType,
  changes: Partial<ProviderCall> = {},
): Promise<[string, string | undefined]> {
  const call: ProviderCall = {
    ...{ kind: 'chat', upstreamModel: 'm', credential: null, timeouts: TIMEOUTS, endpoint: upstream.endpoint },
    body: { messages: [{ role: 'user', content: 'Hi' }] },
    deadlineMs: Date.now() + 30_000,
    signal: new AbortController().signal,
    ...changes,
  };
  const error = await adapterFor(type, http)
    .execute(call)
    .then(
      () => null,
      (reason: unknown) => reason,
    );
  if (!(error instanceof ProviderError)) throw new Error(`expected a ProviderError, got ${String(error)}`);
  return [error.errorClass, error.options.code];
}
const streamed = { onDelta: () => undefined };

/** Sends the same piece until the connection is gone; `sent` counts. */
function endless(res: { write: (piece: string, done: () => void) => unknown; destroyed: boolean }, piece: string) {
  const tally = { sent: 0 };
  const next = (): void => {
    if (res.destroyed) return;
    tally.sent += piece.length;
    res.write(piece, () => setImmediate(next));
  };
  next();
  return tally;
}

/** What a call leaves or needs of memory, beyond what was there. */
async function growthOf(run: () => Promise<unknown>): Promise<number> {
  const before = process.memoryUsage.rss();
  let most = before;
  const watch = setInterval(() => (most = Math.max(most, process.memoryUsage.rss())), 5);
  await run().finally(() => clearInterval(watch));
  return Math.max(most, process.memoryUsage.rss()) - before;
}

function stream(run: (res: ServerResponse) => void): void {
  upstream.answer = (res) => {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    run(res);
  };
}

/** A server that speaks what no HTTP library would: these bytes, then `more`. */
async function raw(head: string, more: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.write(head);
      more(socket);
    });
    cleanups.push(() => socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
}

describe.each(TYPES)('a hostile provider of type %s', (type) => {
  it('that says itself how much it would send is not read at all', async () => {
    const tally = { sent: 0 };
    upstream.answer = (res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-length': String(10_000 * MIB) });
      Object.assign(tally, endless(res, 'x'.repeat(64 * 1024)));
    };
    expect(await failureOf(type)).toEqual(['transient', 'answer_too_large']);
    expect(tally.sent).toBeLessThan(8 * MIB);
  });

  it('that sends a body without end is cut off, and its connection with it', async () => {
    http = new HttpClient({ maxAnswerBytes: 2 * MIB });
    upstream.answer = (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      endless(res, ' '.repeat(64 * 1024));
    };
    expect(await failureOf(type)).toEqual(['transient', 'answer_too_large']);
    await upstream.connectionClosed;
  });

  it('that never ends an event is cut off long before memory is short', async () => {
    stream((res) => {
      res.write('data: ');
      endless(res, 'x'.repeat(MIB));
    });
    const growth = await growthOf(async () => {
      expect(await failureOf(type, streamed)).toEqual(['transient', 'answer_too_large']);
    });
    expect(growth).toBeLessThan(400 * MIB);
    await upstream.connectionClosed;
  });

  it('that begins ever more lines of one event is cut off, too', async () => {
    stream((res) => endless(res, `data: ${'x'.repeat(MIB)}\n`));
    expect(await failureOf(type, streamed)).toEqual(['transient', 'answer_too_large']);
  });

  it.each([
    ['a line', 'x-flood: ', 'x'.repeat(4_096)],
    ['a header after the other', '', 'x-flood: y\r\n'.repeat(256)],
  ])('that sends headers without end, %s, is cut off', async (_what, first, piece) => {
    const endpoint = await raw(`HTTP/1.1 200 OK\r\n${first}`, (socket) => endless(socket, piece));
    expect(await failureOf(type, { endpoint })).toEqual(['transient', 'unreadable_answer']);
  });

  it('that sends interim answers without end is given up when its time is over', async () => {
    const endpoint = await raw('', (socket) => endless(socket, 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(64)));
    const timeouts = { ...TIMEOUTS, answerMs: 300, firstTokenMs: 300 };
    // Anthropic is always asked to stream.
    const code = type === 'anthropic' ? 'first_token_timeout' : 'answer_timeout';
    expect(await failureOf(type, { endpoint, timeouts })).toEqual(['transient', code]);
  });

  it('that packs a bomb finds it is never unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * MIB, ' '));
    upstream.answer = (res) => {
      res.writeHead(200, { 'content-type': 'application/json', 'content-encoding': 'gzip' }).end(bomb);
    };
    expect(await failureOf(type)).toEqual(['transient', 'unreadable_answer']);
    expect(upstream.requests[0]?.headers['accept-encoding']).toBeUndefined();
  });

  it.each([
    ['brackets alone', '['.repeat(8 * MIB)],
    ['a deep answer', `{"choices":[{"message":{"content":${'['.repeat(50_000)}${']'.repeat(50_000)}}}]}`],
    ['deep usage', `{"choices":[],"usage":${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}}`],
  ])('that nests %s is unreadable, at once', async (_what, body) => {
    upstream.answer = (res) => res.writeHead(200, { 'content-type': 'application/json' }).end(body);
    const since = performance.now();
    expect(await failureOf(type)).toEqual(['transient', 'unreadable_answer']);
    expect(performance.now() - since).toBeLessThan(5_000);
    stream((res) => res.end(`data: ${body}\n\n`));
    expect(await failureOf(type, streamed)).toEqual(['transient', 'unreadable_answer']);
  });

  it('that nests its error is judged by its status', async () => {
    upstream.answer = (res) => {
      res.writeHead(503, { 'content-type': 'application/json' }).end('{"error":'.repeat(7_000));
    };
    expect((await failureOf(type))[0]).toBe('transient');
  });

  it('that lists models without end is cut off', async () => {
    upstream.answer = (res) => {
      res.writeHead(200, { 'content-type': 'application/json' });
      endless(res, ' '.repeat(64 * 1024));
    };
    const provider = { type, endpoints: [upstream.endpoint], timeouts: TIMEOUTS };
    const access = { credential: null, signal: new AbortController().signal, timeoutMs: 10_000 };
    await expect(listModels(http, provider, access)).rejects.toMatchObject({ errorClass: 'transient' });
  });
});

const MANY_CALLS = Array.from({ length: 50_000 }, (_, index) => ({ index }));

describe.each(['openai', 'vllm'] as const)('a stream of type %s', (type) => {
  it.each<[string, (n: number) => object]>([
    ['choices', (n) => ({ choices: [{ index: n, delta: { content: 'x' } }] })],
    [
      'calls of tools',
      (n) => ({ choices: [{ index: 0, delta: { tool_calls: [{ index: n, id: `c${n}`, function: { name: 'f' } }] } }] }),
    ],
    [
      'calls of tools in one piece',
      (n) => ({ choices: [{ index: 0, delta: { tool_calls: n > 0 ? [] : MANY_CALLS } }] }),
    ],
  ])('of ever more %s is ended: each would be looked up among all before it', async (_what, piece) => {
    stream((res) => {
      for (let n = 0; n < 1_500 && !res.destroyed; n++) res.write(`data: ${JSON.stringify(piece(n))}\n\n`);
    });
    const since = performance.now();
    expect(await failureOf(type, streamed)).toEqual(['transient', 'answer_too_large']);
    expect(performance.now() - since).toBeLessThan(5_000);
  });
});
