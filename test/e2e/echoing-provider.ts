import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';

/** How it answers each of its models, all of which tell what they were sent. */
const STATUSES: Record<string, number> = {
  'echo-400': 400,
  'echo-401': 401,
  'echo-403': 403,
  'echo-404': 404,
  'echo-429': 429,
  'echo-500': 500,
  'echo-529': 529,
};

export const ECHO_MODELS = [...Object.keys(STATUSES), 'echo-stream', 'echo-garbage', 'echo-reset'];

/** A provider that means ill: its errors quote the key that it was called with, in every field and header. */
export class EchoingProvider {
  private constructor(
    private readonly server: Server,
    readonly url: string,
  ) {}

  static async start(): Promise<EchoingProvider> {
    const server = createServer((request, response) => {
      read(request)
        .then((body) => answer(request, response, body))
        .catch(() => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new EchoingProvider(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`);
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, 'close');
  }
}

async function read(request: IncomingMessage): Promise<{ model?: string; stream?: boolean }> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text === '' ? {} : (JSON.parse(text) as { model?: string; stream?: boolean });
}

function answer(request: IncomingMessage, response: ServerResponse, { model = '' }: { model?: string }): void {
  const key = (request.headers.authorization ?? String(request.headers['x-api-key'] ?? '')).replace(/^Bearer /, '');
  const error = { message: `Incorrect API key provided: ${key}.`, type: key, code: key, param: key };
  const headers = { 'x-request-id': key, 'x-echo': key };
  if (model === 'echo-reset') return void request.socket.destroy();
  if (model === 'echo-garbage') return void response.writeHead(200, headers).end(`<html>${key}`);
  if (model === 'echo-stream') {
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream' });
    return void response.end(`data: ${JSON.stringify({ error })}\n\n`);
  }
  const status = STATUSES[model] ?? 404;
  response.writeHead(status, {
    ...headers,
    'content-type': 'application/json',
    ...(status === 429 && { 'retry-after': '1' }),
  });
  response.end(JSON.stringify({ error }));
}
