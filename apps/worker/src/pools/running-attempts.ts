import type { RedisClient } from '#platform/redis.js';
import { channels } from '#platform/keys.js';

/** Why a running attempt was told to stop. */
export type StopReason = 'stopped' | 'deadline' | 'shutdown' | 'lock_lost';

export class AttemptStopped extends Error {
  constructor(readonly reason: StopReason) {
    super(`attempt stopped: ${reason}`);
    this.name = 'AttemptStopped';
  }
}

/** The attempts that this process runs, so that a cancellation, a deadline or a shutdown reaches them. */
export class RunningAttempts {
  private readonly running = new Map<string, Set<AbortController>>();

  /** Hears about cancellations from now on. */
  async listen(subscriber: RedisClient): Promise<void> {
    const channel = channels.stops();
    subscriber.on('message', (from: string, jobId: string) => {
      if (from === channel) this.stop(jobId, 'stopped');
    });
    await subscriber.subscribe(channel);
  }

  /** Registers a run until the returned function is called. */
  add(jobId: string, controller: AbortController): () => void {
    const controllers = this.running.get(jobId) ?? new Set();
    this.running.set(jobId, controllers.add(controller));
    return () => {
      controllers.delete(controller);
      if (controllers.size === 0) this.running.delete(jobId);
    };
  }

  stop(jobId: string, reason: StopReason): void {
    for (const controller of this.running.get(jobId) ?? []) controller.abort(new AttemptStopped(reason));
  }

  /** Stops everything; the attempts then give their work back. */
  stopAll(reason: StopReason): void {
    for (const jobId of [...this.running.keys()]) this.stop(jobId, reason);
  }

  get size(): number {
    return this.running.size;
  }
}
