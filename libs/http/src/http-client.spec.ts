import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from 'node:net';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { once } from 'node:events';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { HttpClient } from './http-client.js';
import { HttpError } from './http-error.js';
import type { HttpRequest } from './http-request.js';

let client: HttpClient;
const servers: (Server | TcpServer)[] = [];
const sockets = new Set<Socket>();

beforeEach(() => {
  client = new HttpClient({ maxAnswerBytes: 1024 * 1024 });
});

afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await Promise.all(servers.splice(0).map((server) => new Promise((resolve) => server.close(resolve))));
  await client.close();
});

async function listen(server: Server | TcpServer): Promise<number> {
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  servers.push(server);
  return (server.address() as AddressInfo).port;
}

async function serve(answer: (req: IncomingMessage, res: ServerResponse) => void): Promise<string> {
  return `http://127.0.0.1:${await listen(createServer(answer))}/v1/thing`;
}

function requestTo(url: string, changes: Partial<HttpRequest> = {}): HttpRequest {
  return {
    method: 'POST',
    url,
    headers: { 'content-type': 'application/json' },
    body: '{}',
    connectMs: 2000,
    wait: { kind: 'answer', ms: 5000 },
    deadlineMs: Date.now() + 10_000,
    signal: new AbortController().signal,
    ...changes,
  };
}

async function kindOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (!(error instanceof HttpError)) throw new Error(`expected an HttpError, got ${String(error)}`);
  return error.kind;
}

describe('an answer', () => {
  test('of any status is an answer, and a redirect is not followed', async () => {
    const url = await serve((_req, res) => res.writeHead(302, { location: 'http://127.0.0.1:1/' }).end('moved'));
    const answer = await client.send(requestTo(url));
    expect([answer.status, answer.headers.location, answer.body.toString()]).toEqual([
      302,
      'http://127.0.0.1:1/',
      'moved',
    ]);
  });

  test('carries method, path, query, headers and body as given', async () => {
    const seen: unknown[] = [];
    const url = await serve((req, res) => {
      req.on('data', (chunk: Buffer) => seen.push(req.method, req.url, req.headers['content-type'], chunk.toString()));
      req.on('end', () => res.end('ok'));
    });
    await client.send(requestTo(`${url}?a=1`, { body: '{"ä":1}' }));
    expect(seen).toEqual(['POST', '/v1/thing?a=1', 'application/json', '{"ä":1}']);
  });

  test('leaves its connection to the next call', async () => {
    const url = await serve((_req, res) => res.end('ok'));
    for (let n = 0; n < 3; n += 1) {
      await client.send(requestTo(url));
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(sockets.size).toBe(1);
  });

  test('of an error is read to 64 KiB and no further', async () => {
    const url = await serve((_req, res) => res.writeHead(500).end(Buffer.alloc(300_000, 'x')));
    const answer = await client.send(requestTo(url));
    expect([answer.status, answer.body.length]).toEqual([500, 65_536]);
  });

  test('calls in flight have a connection each, without a cap', async () => {
    const waiting: ServerResponse[] = [];
    const url = await serve((_req, res) => {
      waiting.push(res);
      if (waiting.length === 150) for (const each of waiting) each.end('ok');
    });
    const answers = await Promise.all(Array.from({ length: 150 }, () => client.send(requestTo(url))));
    expect(answers.every((answer) => answer.status === 200)).toBe(true);
  });
});

describe('a failure has its kind', () => {
  test('nothing listens → connection_refused', async () => {
    const url = await serve((_req, res) => res.end());
    const server = servers.pop() as Server;
    await new Promise((resolve) => server.close(resolve));
    expect(await kindOf(client.send(requestTo(url)))).toBe('connection_refused');
  });

  test('a handshake that never ends → connect_timeout', async () => {
    const port = await listen(createTcpServer(() => undefined));
    expect(await kindOf(client.send(requestTo(`https://127.0.0.1:${port}/`, { connectMs: 40 })))).toBe(
      'connect_timeout',
    );
  });

  test('something that is not a URL → unsendable', async () => {
    expect(await kindOf(client.send(requestTo('not a url')))).toBe('unsendable');
  });

  test('a server that does not speak TLS → connection_failed', async () => {
    const url = await serve((_req, res) => res.end());
    expect(await kindOf(client.send(requestTo(url.replace('http:', 'https:'))))).toBe('connection_failed');
  });

  test('a header that HTTP refuses → unsendable, without its value', async () => {
    const url = await serve((_req, res) => res.end());
    const failure = client.send(requestTo(url, { headers: { authorization: 'Bearer secret\nvalue' } }));
    await expect(failure).rejects.toMatchObject({ kind: 'unsendable' });
    await expect(failure).rejects.not.toThrow(/secret/);
  });

  test.each<[string, (req: IncomingMessage, res: ServerResponse) => void]>([
    ['before an answer', (req) => req.socket.destroy()],
    ['by a reset', (req) => req.socket.resetAndDestroy()],
    [
      'inside a body of known length',
      (_req, res) => void res.writeHead(200, { 'content-length': '100' }).write('half', () => res.destroy()),
    ],
    ['inside a chunked body', (_req, res) => void res.write('half', () => res.destroy())],
  ])('a connection cut %s → reset', async (_name, answer) => {
    expect(await kindOf(client.send(requestTo(await serve(answer))))).toBe('reset');
  });

  test('bytes that are not HTTP → malformed', async () => {
    const port = await listen(
      createTcpServer((socket) => socket.once('data', () => socket.end('SSH-2.0-OpenSSH_9.6\r\n'))),
    );
    expect(await kindOf(client.send(requestTo(`http://127.0.0.1:${port}/`)))).toBe('malformed');
  });

  test('a body over the limit → too_large, streamed or not', async () => {
    const url = await serve((_req, res) => res.end(Buffer.alloc(1024 * 1024 + 1)));
    expect(await kindOf(client.send(requestTo(url)))).toBe('too_large');
    expect(await kindOf(client.send(requestTo(url, { openStream: () => () => undefined })))).toBe('too_large');
  });

  test('a body that does not say how long it is, over the limit → too_large', async () => {
    const url = await serve((_req, res) => {
      res.write(Buffer.alloc(1024 * 1024));
      res.end('x');
    });
    expect(await kindOf(client.send(requestTo(url)))).toBe('too_large');
    expect(await kindOf(client.send(requestTo(url, { openStream: () => () => undefined })))).toBe('too_large');
  });

  test('a body that says it is over the limit → too_large, and none of it is read', async () => {
    let written = 0;
    const url = await serve((_req, res) => {
      res.writeHead(200, { 'content-length': String(2 ** 40) }).flushHeaders();
      res.on('drain', () => void (written += 1));
    });
    expect(await kindOf(client.send(requestTo(url)))).toBe('too_large');
    expect(written).toBe(0);
    const cut = client.send(requestTo(url, { cutBodyAt: 10, wait: { kind: 'answer', ms: 50 } }));
    expect(await kindOf(cut)).toBe('answer_timeout');
  });

  test('headers over 16 KiB → malformed', async () => {
    const url = await serve((_req, res) => res.writeHead(200, { 'x-long': 'x'.repeat(17_000) }).end());
    expect(await kindOf(client.send(requestTo(url)))).toBe('malformed');
  });

  test('silence → the timeout of the wait that was going on', async () => {
    const url = await serve((_req, res) => void res.write('x'));
    expect(await kindOf(client.send(requestTo(url, { wait: { kind: 'answer', ms: 30 } })))).toBe('answer_timeout');
    const streamed = requestTo(url, {
      wait: { kind: 'first', ms: 5000 },
      openStream: (_head, control) => () => control.wait('idle', 30),
    });
    expect(await kindOf(client.send(streamed))).toBe('idle_timeout');
  });

  test('the deadline ends any wait, and a call after it is not sent', async () => {
    let requests = 0;
    const url = await serve(() => void (requests += 1));
    expect(await kindOf(client.send(requestTo(url, { deadlineMs: Date.now() + 40 })))).toBe('deadline');
    expect(await kindOf(client.send(requestTo(url, { deadlineMs: Date.now() - 1 })))).toBe('deadline');
    expect(requests).toBe(1);
  });

  test('a closed client → closed', async () => {
    await client.close();
    expect(await kindOf(client.send(requestTo('http://127.0.0.1:1/')))).toBe('closed');
  });
});

describe('giving up', () => {
  test('an aborted call drops its connection', async () => {
    const controller = new AbortController();
    const dropped = Promise.withResolvers<undefined>();
    const url = await serve((req) => {
      req.socket.once('close', () => dropped.resolve(undefined));
      controller.abort(new Error('cancelled'));
    });
    const failure = client.send(requestTo(url, { signal: controller.signal }));
    await expect(failure).rejects.toMatchObject({ kind: 'aborted', cause: new Error('cancelled') });
    await dropped.promise;
  });

  test('an abort while connecting does not wait for the connection', async () => {
    const controller = new AbortController();
    const port = await listen(createTcpServer(() => controller.abort()));
    expect(
      await kindOf(client.send(requestTo(`https://127.0.0.1:${port}/`, { signal: controller.signal, connectMs: 300 }))),
    ).toBe('aborted');
  });

  test('an aborted signal sends nothing', async () => {
    expect(await kindOf(client.send(requestTo('http://127.0.0.1:1/', { signal: AbortSignal.abort() })))).toBe(
      'aborted',
    );
  });

  test('what the reader of a stream throws is what the call rejects with', async () => {
    const url = await serve((_req, res) => void res.write('x'));
    const thrown = new Error('unreadable');
    const reader = (): never => {
      throw thrown;
    };
    await expect(client.send(requestTo(url, { openStream: () => reader }))).rejects.toBe(thrown);
    await expect(client.send(requestTo(url, { openStream: reader }))).rejects.toBe(thrown);
    await expect(client.send(requestTo(url, { onHead: reader }))).rejects.toBe(thrown);
  });

  test('the head is heard once, even of an answer whose body breaks', async () => {
    const url = await serve((_req, res) => {
      res.writeEarlyHints({ link: '</x>' });
      res.writeHead(200, { 'x-left': '3' }).write('half', () => res.destroy());
    });
    const heads: unknown[] = [];
    const onHead: HttpRequest['onHead'] = ({ status, headers }) => heads.push([status, headers['x-left']]);
    expect(await kindOf(client.send(requestTo(url, { onHead })))).toBe('reset');
    expect(heads).toEqual([[200, '3']]);
  });

  test('no listener stays on the signal', async () => {
    const { signal } = new AbortController();
    let listeners = 0;
    const add = signal.addEventListener.bind(signal) as (...args: unknown[]) => void;
    const remove = signal.removeEventListener.bind(signal) as (...args: unknown[]) => void;
    signal.addEventListener = (...args: unknown[]) => add(...args, void (listeners += 1));
    signal.removeEventListener = (...args: unknown[]) => remove(...args, void (listeners -= 1));
    const url = await serve((_req, res) => res.end('ok'));
    await client.send(requestTo(url, { signal }));
    expect(listeners).toBe(0);
  });
});

describe('a stream', () => {
  test('arrives in order, and progress keeps it alive beyond its wait', async () => {
    const url = await serve((_req, res) => {
      let n = 0;
      const timer = setInterval(() => {
        res.write(String(n));
        n += 1;
        if (n < 8) return;
        clearInterval(timer);
        res.end();
      }, 20);
    });
    const seen: string[] = [];
    const answer = await client.send(
      requestTo(url, {
        wait: { kind: 'first', ms: 100 },
        openStream: (_head, control) => (chunk) => {
          seen.push(chunk.toString());
          control.progress();
        },
      }),
    );
    expect([seen.join(''), answer.status, answer.body.length]).toEqual(['01234567', 200, 0]);
  });

  test('that its reader calls finished resolves at once, though the server never ends it', async () => {
    const closed = Promise.withResolvers<undefined>();
    const url = await serve((req, res) => {
      req.socket.once('close', () => closed.resolve(undefined));
      res.write('[DONE]');
    });
    const answer = await client.send(requestTo(url, { openStream: (_head, control) => () => control.finish() }));
    expect(answer.status).toBe(200);
    await closed.promise;
  });
});
