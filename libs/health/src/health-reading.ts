import type { Health } from '#contracts/live-views.js';

/** Errors in a row from which on a provider is degraded, and down. */
export const DEGRADED_AFTER = 2;
export const DOWN_AFTER = 5;

/** An old failure weighs half as much after this time. */
export const HALF_LIFE_MS = 60_000;

export interface HealthFigures {
  /** Failed attempts since the last success. */
  errors: number;
  /** Decayed numbers of good and bad attempts, as of `at`. */
  good: number;
  bad: number;
  /** Unix milliseconds of this process's clock. */
  at: number;
  /** Until then nothing is sent, and then one probe; 0 when not down. */
  downUntil: number;
}

/** Figures read from Redis some time ago; what it says of the state and the rate is true at the moment of asking. */
export class HealthReading implements Health {
  constructor(readonly figures: HealthFigures) {}

  get state(): Health['state'] {
    const { errors, downUntil } = this.figures;
    if (downUntil > Date.now()) return 'down';
    return errors >= DEGRADED_AFTER || downUntil > 0 ? 'degraded' : 'up';
  }

  /** Falls towards zero when nothing more is heard: one more good attempt is assumed. */
  get failureRate(): number {
    const { good, bad, at } = this.figures;
    const decay = 0.5 ** ((Date.now() - at) / HALF_LIFE_MS);
    return (bad * decay) / ((good + bad) * decay + 1);
  }

  /** The same, but left alone for so many milliseconds from now. */
  closedFor(ms: number): HealthReading {
    return new HealthReading({ ...this.figures, downUntil: Date.now() + ms });
  }

  /** The cool-down has passed: whoever wants to send something must ask whether it may be the probe. */
  get probeDue(): boolean {
    return this.figures.downUntil > 0 && this.state !== 'down';
  }
}
