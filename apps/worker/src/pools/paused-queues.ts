import { setTimeout as sleep } from 'node:timers/promises';
import type { AdminPauses } from '#limits/admin-pauses.js';
import type { RedisClient } from '#platform/redis.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';

export interface PausedQueuesDeps {
  redis: Pick<RedisClient, 'on' | 'off'>;
  pauses: Pick<AdminPauses, 'read'>;
  queues: Pick<AttemptQueues, 'pausedOf' | 'setPaused'>;
  /** Every pool of the registry. */
  pools: () => readonly string[];
  /** Reads anew what this process knows of the pauses: with it, an attempt that was taken all the same is given back. */
  refresh: () => Promise<void>;
  onError: (error: unknown) => void;
}

/** How soon a queue follows a pause that has ended by its time, or whose process ended before the queue was told. */
const FOLLOW_MS = 250;

/** Makes BullMQ's queues follow the pauses that administrators made: every worker looks, and whoever sees a difference mends it. */
export class PausedQueues {
  private readonly stopped = new AbortController();
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;
  private caughtUp = Promise.resolve();

  constructor(private readonly deps: PausedQueuesDeps) {}

  start(): void {
    this.deps.redis.on('ready', this.onReady);
    this.timer = setInterval(() => {
      this.running ??= this.follow()
        .catch(this.deps.onError)
        .finally(() => {
          this.running = null;
        });
    }, FOLLOW_MS);
  }

  async stop(): Promise<void> {
    this.deps.redis.off('ready', this.onReady);
    this.stopped.abort();
    clearInterval(this.timer);
    await Promise.all([this.running, this.caughtUp]);
  }

  /**
   * Resolves once the queues have followed and this process knows of every pause since Redis came back: it may have lost what BullMQ keeps of
   * a pause, and BullMQ's workers ask it for attempts before anybody else can.
   */
  async settled(): Promise<void> {
    await this.caughtUp;
  }

  /** Looks once. */
  async follow(): Promise<void> {
    const { pauses, queues } = this.deps;
    const pools = this.deps.pools();
    // In this order: whoever pauses a pool writes the pause first, so what is held back here has one, unless it has ended.
    const held = await queues.pausedOf(pools);
    const wanted = await pauses.read();
    const wrong = pools.filter((pool) => held.has(pool) !== wanted.has(pool));
    await Promise.all(wrong.map((pool) => queues.setPaused(pool, wanted.has(pool))));
    const opened = wrong.filter((pool) => !wanted.has(pool));
    if (opened.length > 0) await this.closeAgain(opened);
  }

  /** Somebody may have paused one of them between the look and its opening, which has then undone that pause. */
  private async closeAgain(opened: readonly string[]): Promise<void> {
    const paused = await this.deps.pauses.read();
    const undone = opened.filter((pool) => paused.has(pool));
    await Promise.all(undone.map((pool) => this.deps.queues.setPaused(pool, true)));
  }

  private readonly onReady = (): void => {
    this.caughtUp = this.catchUp();
  };

  /** Never rejects: nothing is begun before it has worked, or this process ends. */
  private async catchUp(): Promise<void> {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        await this.follow();
        await this.deps.refresh();
        return;
      } catch (error) {
        this.deps.onError(error);
        await sleep(FOLLOW_MS, null, { signal }).catch(() => null);
      }
    }
  }
}
