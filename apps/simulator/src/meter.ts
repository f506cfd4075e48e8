const MINUTE_MS = 60_000;

/** Counts units against a limit per minute. Times are whole milliseconds of a clock that never goes back. */
export interface Meter {
  /** Units a minute. */
  readonly limit: number;
  /** The most that is ever allowed at once. */
  readonly capacity: number;
  /** Whole units that are allowed now, never below zero. */
  remaining(nowMs: number): number;
  /** Milliseconds until so much is allowed, if nothing else comes: 0 now, Infinity never. */
  waitMs(amount: number, nowMs: number): number;
  /** Counts units, allowed or not: what was produced was produced. */
  charge(amount: number, nowMs: number): void;
  /** Milliseconds until everything is free again. */
  resetMs(nowMs: number): number;
}

/** A bucket that starts full and is refilled all the time. What is charged beyond its level is a debt. */
export class TokenBucket implements Meter {
  readonly capacity: number;
  /** In 60,000ths of a unit: a millisecond brings `limit` of them, so that whole numbers do for exact sums. */
  private level: number;
  private levelAtMs = 0;

  constructor(
    readonly limit: number,
    burst: number,
  ) {
    this.capacity = Math.max(1, Math.floor(limit * burst));
    this.level = this.capacity * MINUTE_MS;
  }

  remaining(nowMs: number): number {
    return Math.max(0, Math.floor(this.levelAt(nowMs) / MINUTE_MS));
  }

  waitMs(amount: number, nowMs: number): number {
    if (amount > this.capacity) {
      return Infinity;
    }
    return Math.max(0, Math.ceil((amount * MINUTE_MS - this.levelAt(nowMs)) / this.limit));
  }

  charge(amount: number, nowMs: number): void {
    this.level = this.levelAt(nowMs) - amount * MINUTE_MS;
    this.levelAtMs = nowMs;
  }

  resetMs(nowMs: number): number {
    return Math.ceil((this.capacity * MINUTE_MS - this.levelAt(nowMs)) / this.limit);
  }

  private levelAt(nowMs: number): number {
    return Math.min(this.capacity * MINUTE_MS, this.level + (nowMs - this.levelAtMs) * this.limit);
  }
}

/** The exact sum of the last sixty seconds: what came at t is counted until just before t + 60 s. */
export class SlidingWindow implements Meter {
  private readonly entries: { atMs: number; amount: number }[] = [];
  /** Where the window begins; what lies before it is dropped now and then. */
  private first = 0;
  private sum = 0;

  constructor(readonly limit: number) {}

  get capacity(): number {
    return this.limit;
  }

  remaining(nowMs: number): number {
    this.slide(nowMs);
    return Math.max(0, this.limit - this.sum);
  }

  waitMs(amount: number, nowMs: number): number {
    if (amount > this.limit) {
      return Infinity;
    }
    this.slide(nowMs);
    let excess = this.sum + amount - this.limit;
    for (let i = this.first; excess > 0; i++) {
      const entry = this.entries[i];
      if (entry === undefined) {
        throw new Error(`The window holds ${this.sum}, but its entries do not.`);
      }
      excess -= entry.amount;
      if (excess <= 0) {
        return entry.atMs + MINUTE_MS - nowMs;
      }
    }
    return 0;
  }

  charge(amount: number, nowMs: number): void {
    this.slide(nowMs);
    const last = this.entries.at(-1);
    // One entry a millisecond at most bounds both memory and the walk through it.
    if (last?.atMs === nowMs) {
      last.amount += amount;
    } else {
      this.entries.push({ atMs: nowMs, amount });
    }
    this.sum += amount;
  }

  resetMs(nowMs: number): number {
    this.slide(nowMs);
    const last = this.entries.at(-1);
    return this.sum === 0 || last === undefined ? 0 : last.atMs + MINUTE_MS - nowMs;
  }

  private slide(nowMs: number): void {
    for (let entry = this.entries[this.first]; entry !== undefined; entry = this.entries[this.first]) {
      if (entry.atMs + MINUTE_MS > nowMs) {
        break;
      }
      this.sum -= entry.amount;
      this.first++;
    }
    if (this.first > 1024 && this.first * 2 > this.entries.length) {
      this.entries.splice(0, this.first);
      this.first = 0;
    }
  }
}
