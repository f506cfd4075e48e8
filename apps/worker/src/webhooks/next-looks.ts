/** How soon a delivery that cannot be sent now looks again, where few others do. */
const HELD_MS = 2_000;

/** Between two that look again: 200 a second, however many wait. */
const SPACING_MS = 5;

/** When deliveries that cannot be sent now look again: one after the other, so that a hundred thousand that wait cost no more than a few. */
export class NextLooks {
  private lastMs = 0;

  constructor(private readonly now: () => number = Date.now) {}

  /** Milliseconds until the next one's turn. */
  delayMs(): number {
    const nowMs = this.now();
    this.lastMs = Math.max(this.lastMs + SPACING_MS, nowMs + HELD_MS);
    return this.lastMs - nowMs;
  }
}
