import { setTimeout as delay } from 'node:timers/promises';
import { Counters, type Seen, type Tally } from './counters.js';
import { FaultBook, type ArmedFault, type Arming } from './fault-book.js';
import { readArming, readSettings } from './instructions.js';
import { DEFAULT_SETTINGS, type Settings } from './settings.js';

/** What tests steer and read: the same in-process and over `/_control`. */
export class Controls {
  readonly faults = new FaultBook();
  readonly counters: Counters;
  private readonly initial: Settings;
  private current: Settings;

  constructor(options: { settings: Partial<Settings>; logLimit: number }) {
    this.initial = { ...DEFAULT_SETTINGS, ...readSettings(options.settings) };
    this.current = this.initial;
    this.counters = new Counters(options.logLimit);
  }

  get settings(): Settings {
    return this.current;
  }

  /** Changes the settings that are named. Throws InstructionError. */
  configure(changes: Partial<Settings>): Settings {
    this.current = { ...this.current, ...readSettings(changes) };
    return this.current;
  }

  /** Arms a fault for a while and returns its id. Throws InstructionError. */
  arm(arming: Arming): string {
    return this.faults.arm(readArming(arming));
  }

  armed(): ArmedFault[] {
    return this.faults.list();
  }

  /** Disarms one fault, or all; returns how many. What they have already struck stays struck. */
  disarm(id?: string): number {
    return this.faults.clear(id);
  }

  /** The sums and the last requests. */
  seen(limit?: number): Seen {
    return this.counters.seen(limit);
  }

  /** Resolves with the sums as soon as they satisfy the condition; rejects after `timeoutMs` (default 5000). */
  async until(condition: (counters: Tally) => boolean, timeoutMs = 5000): Promise<Tally> {
    const waiting = new AbortController();
    const met = new Promise<Tally>((resolve) => {
      const look = () => {
        const { counters } = this.seen(0);
        if (condition(counters)) {
          resolve(counters);
        }
      };
      const unwatch = this.counters.watch(look);
      waiting.signal.addEventListener('abort', unwatch);
      look();
    });
    const timeout = delay(timeoutMs, null, { signal: waiting.signal });
    try {
      const tally = await Promise.race([met, timeout]);
      if (tally === null) {
        throw new Error(`Not seen within ${timeoutMs} ms; the counters are ${JSON.stringify(this.seen(0).counters)}.`);
      }
      return tally;
    } finally {
      // The losing timer rejects with an AbortError that nobody is waiting for any more.
      timeout.catch(() => undefined);
      waiting.abort();
    }
  }

  /** Back to the settings of the start, with no fault armed and nothing seen. */
  reset(): void {
    this.current = this.initial;
    this.faults.clear();
    this.counters.reset();
  }
}
