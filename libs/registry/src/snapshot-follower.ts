import type { RedisClient } from '#platform/redis.js';

export interface SnapshotFollowerOptions<S extends { version: number }> {
  /** The newest version's number; 0 when there is none. */
  version: () => Promise<number>;
  read: () => Promise<S | null>;
  onChange: (snapshot: S) => void;
  /** Hears the first failure after a success; the next look follows by itself. */
  onError: (error: unknown) => void;
  /** Ends the following. */
  signal: AbortSignal;
}

/** Looks for new versions when told and by itself; one look at a time, so that versions arrive in order. */
export class SnapshotFollower<S extends { version: number }> {
  private seen = 0;
  private looking: Promise<void> | null = null;
  private lookAgain = false;
  private failing = false;

  constructor(private readonly options: SnapshotFollowerOptions<S>) {}

  /** Resolves after the first look; rejects, and follows no further, when subscribing or that look fails. */
  async start(how: { channel: string; subscriber: RedisClient; pollMs: number }): Promise<void> {
    const { channel, subscriber, pollMs } = how;
    const { signal } = this.options;
    if (signal.aborted) return;
    const onMessage = (from: string): void => {
      if (from === channel) this.lookSafely();
    };
    subscriber.on('message', onMessage);
    const poll = setInterval(() => this.lookSafely(), pollMs);
    const stop = (): void => {
      clearInterval(poll);
      subscriber.off('message', onMessage);
      signal.removeEventListener('abort', stop);
    };
    signal.addEventListener('abort', stop);
    try {
      // Subscribed before the first look: a version published between the two is seen by one of them.
      await subscriber.subscribe(channel);
      await this.look();
    } catch (error) {
      stop();
      throw error;
    }
  }

  /**
   * Resolves once everything that was published before the call has been handed over. A call during a look makes that look happen once
   * more: what it is told about may be newer than what was read.
   */
  look(): Promise<void> {
    if (this.looking) {
      this.lookAgain = true;
      return this.looking;
    }
    this.looking = this.lookUntilQuiet().finally(() => {
      this.looking = null;
    });
    return this.looking;
  }

  private lookSafely(): void {
    this.look().then(
      () => {
        this.failing = false;
      },
      (error: unknown) => {
        if (!this.failing && !this.options.signal.aborted) this.options.onError(error);
        this.failing = true;
      },
    );
  }

  private async lookUntilQuiet(): Promise<void> {
    for (let again = true; again; again = this.lookAgain) {
      this.lookAgain = false;
      await this.lookOnce();
    }
  }

  private async lookOnce(): Promise<void> {
    // Unequal rather than larger: a Redis that lost what came last has an earlier one again.
    if ((await this.options.version()) === this.seen) return;
    const snapshot = await this.options.read();
    if (snapshot === null || this.options.signal.aborted) return;
    this.options.onChange(snapshot);
    this.seen = snapshot.version;
  }
}
