import { isTerminalEvent, type JobEvent, type JobEventType } from '#contracts/job-event.js';
import { isTerminal } from '#contracts/job-state.js';
import { keys } from '#platform/keys.js';
import { isStoreUnavailable, type RedisClient } from '#platform/redis.js';
import type { JobStore } from './job-store.js';
import type { Notices } from './notices.js';

export interface ReadOptions {
  /** Sequence number of the last event that the reader has; 0 for all. */
  after: number;
  signal: AbortSignal;
  /**
   * Set for a job that is created with this process as reader while it is read already, so that there is nothing to
   * replay; resolves once the job exists. If it is never created, only the signal ends the reader.
   */
  created?: Promise<unknown>;
}

const REPLAY_PAGE = 500;

/** How long after Redis did not answer it is asked again. */
const LOOK_AGAIN_MS = 500;

/** A reader slower than its job keeps at most this many events in memory; what it lags behind is read from Redis again. */
const INBOX_SIZE = 1_000;

/** Replays a job's events and goes on live, on any process, with the same sequence numbers and without gaps. */
export class EventReader {
  constructor(
    private readonly redis: RedisClient,
    private readonly store: JobStore,
    private readonly notices: Notices,
  ) {}

  /**
   * Yields every event after `after` and returns after the terminal one, or at once when the job does not exist.
   * Throws the signal's reason when aborted, and what Redis throws when it is away at the start; later it is waited for.
   */
  async *read(jobId: string, options: ReadOptions): AsyncGenerator<JobEvent, void> {
    const inbox = new Inbox(options.signal);
    const stopListening = this.notices.listen(jobId, {
      onEvent: (event) => inbox.put(event),
      onInterrupted: () => inbox.markGap(),
    });
    let last = options.after;
    try {
      if (!options.created) {
        const state = await this.store.watch(jobId, this.notices.processId, 'readers');
        if (state === null) return;
        for await (const event of this.replay(jobId, last)) {
          yield event;
          last = event.seq;
          if (isTerminalEvent(event.type)) return;
        }
        if (isTerminal(state)) return yield* unloggedEnd(state, last);
      }
      for (;;) {
        const event = await inbox.take();
        if (event !== 'gap' && event.seq <= last) continue;
        try {
          // Looked at before the replay: an end that comes in between is then in what is replayed.
          const over = event === 'gap' && (await this.isOver(jobId, options.created));
          const events = event !== 'gap' && event.seq === last + 1 ? [event] : this.replay(jobId, last);
          for await (const next of events) {
            yield next;
            last = next.seq;
            if (isTerminalEvent(next.type)) return;
          }
          if (over) return;
        } catch (error) {
          // The subscription may be back before the connection for commands is.
          if (!isStoreUnavailable(error)) throw error;
          inbox.markGapLater();
        }
      }
    } finally {
      stopListening();
    }
  }

  private async isOver(jobId: string, created: Promise<unknown> | undefined): Promise<boolean> {
    await created;
    const job = await this.store.look(jobId);
    return job === null || isTerminal(job.state);
  }

  private async *replay(jobId: string, after: number): AsyncGenerator<JobEvent, void> {
    let last = after;
    for (;;) {
      const entries = await this.redis.xrange(keys.events(jobId), `(0-${last}`, '+', 'COUNT', REPLAY_PAGE);
      for (const [id, fields] of entries) {
        last = Number(id.slice(2));
        yield { seq: last, type: fields[1] as JobEventType, data: fields[3] ?? '{}' };
      }
      if (entries.length < REPLAY_PAGE) return;
    }
  }
}

/** A synchronous job that nobody read while it ran has no stream; its end is known all the same. */
function* unloggedEnd(state: string, last: number): Generator<JobEvent, void> {
  if (last === 0) yield { seq: 1, type: `job.${state}` as JobEventType, data: JSON.stringify({ state }) };
}

/** Events that wait for their reader. */
class Inbox {
  private events: JobEvent[] = [];
  private gap = false;
  private wake: (() => void) | null = null;

  constructor(private readonly signal: AbortSignal) {
    signal.addEventListener('abort', () => this.wake?.(), { once: true });
  }

  put(event: JobEvent): void {
    if (this.events.length >= INBOX_SIZE) {
      this.events = [];
      this.gap = true;
    }
    if (!this.gap) this.events.push(event);
    this.wake?.();
  }

  markGap(): void {
    this.events = [];
    this.gap = true;
    this.wake?.();
  }

  markGapLater(): void {
    setTimeout(() => this.markGap(), LOOK_AGAIN_MS).unref();
  }

  async take(): Promise<JobEvent | 'gap'> {
    for (;;) {
      this.signal.throwIfAborted();
      if (this.gap) {
        this.gap = false;
        return 'gap';
      }
      const event = this.events.shift();
      if (event) return event;
      await new Promise<void>((resolve) => (this.wake = resolve));
      this.wake = null;
    }
  }
}
