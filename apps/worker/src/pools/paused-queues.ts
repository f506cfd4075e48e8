import type { AdminPauses } from '#limits/admin-pauses.js';
import type { AttemptQueues } from '#queues/attempt-queues.js';

export interface PausedQueuesDeps {
  pauses: Pick<AdminPauses, 'read'>;
  queues: Pick<AttemptQueues, 'pausedOf' | 'setPaused'>;
  /** Every pool of the registry. */
  pools: () => readonly string[];
  onError: (error: unknown) => void;
}

/** How soon a queue follows a pause that has ended by its time, or whose process ended before the queue was told. */
const FOLLOW_MS = 250;

/** Makes BullMQ's queues follow the pauses that administrators made: every worker looks, and whoever sees a difference mends it. */
export class PausedQueues {
  private timer: NodeJS.Timeout | undefined;
  private running: Promise<void> | null = null;

  constructor(private readonly deps: PausedQueuesDeps) {}

  start(): void {
    this.timer = setInterval(() => {
      this.running ??= this.follow()
        .catch(this.deps.onError)
        .finally(() => {
          this.running = null;
        });
    }, FOLLOW_MS);
  }

  async stop(): Promise<void> {
    clearInterval(this.timer);
    await this.running;
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
  }
}
