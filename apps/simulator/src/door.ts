import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The port that clients knock at. Shut, it refuses connections; it opens again at the same number. */
export class Door {
  private isOpen = false;
  private wantedOpen = false;
  private isMoving = false;
  private moved: Promise<void> = Promise.resolve();
  /** Waits for the last connection to end. */
  private closed: Promise<unknown> = Promise.resolve();
  private bound: number;

  constructor(
    private readonly server: Server,
    private readonly address: { host: string; port: number },
  ) {
    this.bound = address.port;
  }

  get port(): number {
    return this.bound;
  }

  /** Connections that were busy when it was shut outlast it; what comes on them then must not be answered. */
  get isShut(): boolean {
    return !this.wantedOpen;
  }

  /**
   * Opens it, or refuses new connections at once and closes the idle ones; answers under way come to their end.
   * Resolves once it is as was wanted last; rejects when the port is taken.
   */
  set(open: boolean): Promise<void> {
    this.wantedOpen = open;
    if (!this.isMoving) {
      this.moved = this.move();
    }
    return this.moved;
  }

  /** Resolves once it is as was wanted last. */
  settled(): Promise<void> {
    return this.moved;
  }

  /** Shuts for good, with every connection. */
  async close(): Promise<void> {
    await this.set(false);
    this.server.closeAllConnections();
    await this.closed;
  }

  private async move(): Promise<void> {
    this.isMoving = true;
    try {
      while (this.isOpen !== this.wantedOpen) {
        if (this.wantedOpen) await this.listen();
        else this.unlisten();
      }
    } finally {
      this.isMoving = false;
    }
  }

  private async listen(): Promise<void> {
    this.server.listen(this.bound, this.address.host);
    await once(this.server, 'listening');
    this.isOpen = true;
    this.bound = (this.server.address() as AddressInfo).port;
  }

  private unlisten(): void {
    this.isOpen = false;
    this.closed = once(this.server, 'close');
    this.server.close();
  }
}
