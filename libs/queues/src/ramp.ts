/** What a worker may take when it holds nothing. */
const LEAST = 8;

/**
 * BullMQ's main loop takes (and locks) one job after the other, up to the worker's concurrency, and only then starts the first. So a
 * worker is allowed few at once, and more with each that runs: what it holds without running it stays little.
 */
export class Ramp {
  /** Jobs under way. */
  running = 0;
  // Also those that have run and are being taken off the queue: BullMQ brings the next one along with that.
  private held = 0;

  constructor(private readonly most: number) {}

  /** The concurrency that the worker is to have now. */
  get allowed(): number {
    return Math.min(this.most, 2 * this.held + LEAST);
  }

  /** A job has begun to run. */
  begin(): void {
    this.running += 1;
    this.held += 1;
  }

  /** It has run. */
  end(): void {
    this.running -= 1;
  }

  /** It is off the queue, or back in it. */
  letGo(): void {
    this.held = Math.max(this.held - 1, this.running);
  }
}
