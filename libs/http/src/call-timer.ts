import type { WaitKind } from './http-error.js';

/** Node runs timers beyond this at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/**
 * The one timer of a call. Progress only moves a timestamp, and the timer looks at it when it fires: a stream of
 * thousands of pieces costs no timer operation at all. No wait goes past the deadline.
 */
export class CallTimer {
  readonly #deadlineAt: number;
  readonly #onDue: (due: WaitKind | 'deadline', ms: number) => void;
  #kind: WaitKind = 'answer';
  #ms = 0;
  #since = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `deadlineMs` is in Unix milliseconds; `onDue` is called at most once per `wait`, with that wait's length. */
  constructor(deadlineMs: number, onDue: (due: WaitKind | 'deadline', ms: number) => void) {
    this.#deadlineAt = performance.now() + (deadlineMs - Date.now());
    this.#onDue = onDue;
  }

  /** Begins a wait of so many milliseconds in place of the one that was going on. */
  wait(kind: WaitKind, ms: number): void {
    this.#kind = kind;
    this.#ms = ms;
    this.#since = performance.now();
    this.#arm(this.#dueAt() - this.#since);
  }

  /** The current wait begins anew. */
  progress(): void {
    this.#since = performance.now();
  }

  /** Ends the wait; nothing is reported any more. */
  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #dueAt(): number {
    return Math.min(this.#since + this.#ms, this.#deadlineAt);
  }

  #arm(ms: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#check(), Math.min(Math.max(1, Math.ceil(ms)), LONGEST_TIMER_MS));
  }

  #check(): void {
    const now = performance.now();
    const left = this.#dueAt() - now;
    if (left > 0) {
      this.#arm(left);
      return;
    }
    this.stop();
    this.#onDue(now >= this.#deadlineAt ? 'deadline' : this.#kind, this.#ms);
  }
}
