/** How soon a delivery that cannot be sent now looks again, where few others of its line do. */
const HELD_MS = 2_000;

/** Between two of a line that look again: 200 a second, however many wait. */
const SPACING_MS = 5;

/**
 * When deliveries that cannot be sent now look again: those that wait for the same stand in one line, one after the other, so that a hundred
 * thousand cost no more than a few, and those that wait for something else are not behind them.
 */
export class NextLooks {
  /** When the last of each line looks again. */
  private readonly lastMs = new Map<string, number>();
  private sweptMs = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds until the turn of the next one in this line. */
  delayMs(line: string): number {
    const nowMs = this.now();
    this.forgetEnded(nowMs);
    const turnMs = Math.max((this.lastMs.get(line) ?? 0) + SPACING_MS, nowMs + HELD_MS);
    this.lastMs.set(line, turnMs);
    return turnMs - nowMs;
  }

  /** How many lines somebody stands in, or has stood in a moment ago. */
  get lines(): number {
    return this.lastMs.size;
  }

  private forgetEnded(nowMs: number): void {
    if (nowMs - this.sweptMs < HELD_MS) return;
    this.sweptMs = nowMs;
    for (const [line, lastMs] of this.lastMs) if (lastMs <= nowMs) this.lastMs.delete(line);
  }
}
