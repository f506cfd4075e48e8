import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { waitFor } from './wait-for.js';

/** A webhook as it arrived. */
export interface Received {
  path: string;
  headers: IncomingHttpHeaders;
  body: string;
  /** Unix milliseconds. */
  at: number;
}

/** Answers one request; the n-th to this path, from 1. */
export type Answerer = (response: ServerResponse, n: number) => void;

/** A real HTTP receiver on loopback: remembers what arrives, and answers each path as it was told, else with 204. */
export class WebhookReceiver {
  readonly received: Received[] = [];
  private readonly answerers = new Map<string, Answerer>();
  private readonly sockets = new Set<Socket>();
  private readonly server: Server;

  private constructor() {
    this.server = createServer((request, response) => void this.take(request, response));
    this.server.on('connection', (socket) => {
      this.sockets.add(socket);
      socket.once('close', () => this.sockets.delete(socket));
    });
  }

  static async start(host = '127.0.0.1', port = 0): Promise<WebhookReceiver> {
    const receiver = new WebhookReceiver();
    receiver.server.listen(port, host);
    await once(receiver.server, 'listening');
    return receiver;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.port}${path}`;
  }

  answer(path: string, answerer: Answerer): void {
    this.answerers.set(path, answerer);
  }

  at(path: string): Received[] {
    return this.received.filter((one) => one.path === path);
  }

  /** What has arrived at this path once it is so much; throws when it is not in time. */
  async until(path: string, count: number, timeoutMs = 30_000): Promise<Received[]> {
    const describe = `${count} webhooks at ${path}`;
    return waitFor(() => this.at(path).length >= count && this.at(path), { timeoutMs, describe });
  }

  async stop(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private async take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const path = request.url ?? '';
    this.received.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString(), at: Date.now() });
    const answerer = this.answerers.get(path);
    if (answerer) answerer(response, this.at(path).length);
    else response.writeHead(204).end();
  }
}
