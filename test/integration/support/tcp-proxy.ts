import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

interface Line {
  sockets: [client: Socket, server: Socket];
  mute: boolean;
  /** What came while it was mute, in its order. */
  held: (() => void)[];
}

/** A proxy on the loopback whose connections can go mute: they stay open and nothing passes, as behind a broken line. */
export class TcpProxy {
  private readonly lines = new Set<Line>();
  private fatal: string | null = null;

  private constructor(
    private readonly server: Server,
    private readonly target: URL,
  ) {
    server.on('connection', (client) => this.accept(client));
  }

  /** Before the server of this URL. */
  static async start(target: string): Promise<TcpProxy> {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new TcpProxy(server, new URL(target));
  }

  get url(): string {
    const url = new URL(this.target);
    url.port = String((this.server.address() as AddressInfo).port);
    return url.href;
  }

  /** The connection on which a client says this goes mute once it has been said. */
  muteAfter(text: string): void {
    this.fatal = text;
  }

  get muted(): number {
    return [...this.lines].filter(({ mute }) => mute).length;
  }

  /** All present connections; those that come later are not. */
  mute(): void {
    for (const line of this.lines) line.mute = true;
  }

  /** Whatever was held passes after all. */
  resume(): void {
    this.fatal = null;
    for (const line of this.lines) {
      line.mute = false;
      for (const pass of line.held.splice(0)) pass();
    }
  }

  async close(): Promise<void> {
    for (const { sockets } of this.lines) for (const socket of sockets) socket.destroy();
    this.server.close();
    await once(this.server, 'close');
  }

  private accept(client: Socket): void {
    const server = connect(Number(this.target.port), this.target.hostname);
    const line: Line = { sockets: [client, server], mute: false, held: [] };
    this.lines.add(line);
    const pass = (action: () => void): void => {
      if (line.mute) line.held.push(action);
      else action();
    };
    for (const [from, to] of [[client, server] as const, [server, client] as const]) {
      from.on('data', (chunk) => {
        pass(() => to.write(chunk));
        if (from === client && this.fatal !== null && chunk.includes(this.fatal)) line.mute = true;
      });
      from.on('error', () => undefined);
      from.on('close', () => pass(() => to.destroy()));
    }
  }
}
