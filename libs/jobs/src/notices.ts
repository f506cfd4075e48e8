import type { JobEvent } from '#contracts/job-event.js';
import type { TerminalState } from '#contracts/job-state.js';
import { channels } from '#platform/keys.js';
import type { RedisClient } from '#platform/redis.js';

/** What the finishing script tells the processes that wait for a job. */
export interface EndNotice {
  state: TerminalState;
  model: string | null;
  provider: string | null;
  costNano: number;
  attempts: number;
  /** Fields of the body that were left out because the vendor has nothing for them, with commas; empty when there are none. */
  dropped: string;
  /** The result's or the error's JSON text; null when it was too large to push and has to be read from the record. */
  body: string | null;
}

export interface NoticeListener {
  onEnd?: (notice: EndNotice) => void;
  onEvent?: (event: JobEvent) => void;
  /** The subscription was interrupted: whatever happened meanwhile was missed and must be looked up. */
  onInterrupted: () => void;
}

/**
 * The one channel on which this process hears about the jobs it asked about: no polling and no subscription per request.
 * Pub/sub is not durable, so every listener is told when the subscription was interrupted.
 */
export class Notices {
  private readonly listeners = new Map<string, Set<NoticeListener>>();

  constructor(
    private readonly subscriber: RedisClient,
    readonly processId: string,
    private readonly onError: (error: unknown) => void,
  ) {}

  /** Subscribes; resolves when Redis has confirmed. ioredis subscribes again by itself after each reconnection. */
  async start(): Promise<void> {
    const channel = channels.toProcess(this.processId);
    this.subscriber.on('message', (from: string, message: string) => {
      // The connection is shared: others subscribe to channels of their own on it.
      if (from === channel) this.dispatch(message);
    });
    await this.subscriber.subscribe(channel);
    this.subscriber.on('ready', () => {
      // The confirmation of the new subscription orders what follows after it.
      this.subscriber.subscribe(channel).then(() => this.interrupt(), this.onError);
    });
  }

  /** Hears about one job until the returned function is called. */
  listen(jobId: string, listener: NoticeListener): () => void {
    const listeners = this.listeners.get(jobId) ?? new Set();
    this.listeners.set(jobId, listeners.add(listener));
    return () => {
      listeners.delete(listener);
      if (listeners.size === 0) this.listeners.delete(jobId);
    };
  }

  private dispatch(message: string): void {
    const lineEnd = message.indexOf('\n');
    const header = JSON.parse(message.slice(0, lineEnd)) as Header;
    const listeners = this.listeners.get(header.job);
    if (!listeners) return;
    const body = message.slice(lineEnd + 1);
    for (const listener of [...listeners]) {
      if (header.kind === 'event') listener.onEvent?.({ seq: header.seq, type: header.type, data: body });
      else listener.onEnd?.(endNotice(header, body));
    }
  }

  private interrupt(): void {
    for (const listeners of [...this.listeners.values()]) {
      for (const listener of [...listeners]) listener.onInterrupted();
    }
  }
}

type Header =
  | { kind: 'event'; job: string; seq: number; type: JobEvent['type'] }
  | {
      kind: 'end';
      job: string;
      state: TerminalState;
      model: string | null;
      provider: string | null;
      cost_nano: number;
      attempts: number;
      pushed: boolean;
      dropped: string;
    };

function endNotice(header: Extract<Header, { kind: 'end' }>, body: string): EndNotice {
  return {
    state: header.state,
    model: header.model,
    provider: header.provider,
    costNano: header.cost_nano,
    attempts: header.attempts,
    dropped: header.dropped,
    body: header.pushed ? body : null,
  };
}
