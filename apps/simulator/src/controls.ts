import { setTimeout as delay } from 'node:timers/promises';
import { Counters, type Seen, type Tally } from './counters.js';
import type { Door } from './door.js';
import { FaultBook, type ArmedFault, type Arming } from './fault-book.js';
import { readArming, readScript, readSettings } from './instructions.js';
import { RateLimiter } from './rate-limiter.js';
import { ScriptBook, type Script } from './script-book.js';
import { DEFAULT_SETTINGS, type Settings } from './settings.js';

interface ControlsOptions {
  settings: Partial<Settings>;
  logLimit: number;
  /** Milliseconds that never go back, for limits. */
  now: () => number;
}

/** What tests steer and read: the same in-process and over `/_control`. */
export class Controls {
  readonly faults = new FaultBook();
  readonly scripts = new ScriptBook();
  readonly counters: Counters;
  /** Set by the simulator, which owns the port. */
  door: Door | null = null;
  private readonly initial: Settings;
  private current: Settings;
  private currentLimiter: RateLimiter | null;
  private opening: NodeJS.Timeout | undefined;

  constructor(private readonly options: ControlsOptions) {
    this.initial = { ...DEFAULT_SETTINGS, ...readSettings(options.settings) };
    this.current = this.initial;
    this.currentLimiter = this.newLimiter();
    this.counters = new Counters(options.logLimit);
  }

  /** Null when nothing is limited. */
  get limiter(): RateLimiter | null {
    return this.currentLimiter;
  }

  get settings(): Settings {
    return this.current;
  }

  /** Changes the settings that are named; limits begin anew, with nothing used. Throws InstructionError. */
  configure(changes: Partial<Settings>): Settings {
    this.current = { ...this.current, ...readSettings(changes) };
    if (changes.limits !== undefined) {
      this.currentLimiter = this.newLimiter();
    }
    return this.current;
  }

  /** Arms a fault for a while and returns its id. Throws InstructionError. */
  arm(arming: Arming): string {
    const id = this.faults.arm(readArming(arming));
    this.moveDoor();
    return id;
  }

  armed(): ArmedFault[] {
    return this.faults.list();
  }

  /** Disarms one fault, or all; returns how many. What they have already struck stays struck. */
  disarm(id?: string): number {
    const cleared = this.faults.clear(id);
    this.moveDoor();
    return cleared;
  }

  /** Has answers say what a script wants and returns its id. Throws InstructionError. */
  script(script: Script): string {
    return this.scripts.add(readScript(script));
  }

  /** Shuts the port, or opens it again at the same number; resolves once connections are refused, or accepted. */
  async refuseConnections(refuse: boolean): Promise<void> {
    if (refuse) {
      this.arm({ fault: { kind: 'refused' } });
    } else {
      for (const { id } of this.armed().filter(({ fault }) => fault.kind === 'refused')) this.faults.clear(id);
      this.moveDoor();
    }
    await this.settled();
  }

  /** Resolves once the port is as the faults want it; rejects when it cannot be had back. */
  async settled(): Promise<void> {
    await this.door?.settled();
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

  /** Back to the settings of the start, with no fault armed, no script and nothing seen. */
  reset(): void {
    this.current = this.initial;
    this.currentLimiter = this.newLimiter();
    this.faults.clear();
    this.scripts.clear();
    this.moveDoor();
    this.counters.reset();
  }

  /** Ends what would still move by itself. */
  close(): void {
    clearTimeout(this.opening);
    this.door = null;
  }

  private newLimiter(): RateLimiter | null {
    return this.current.limits === null ? null : new RateLimiter(this.current.limits, this.options.now);
  }

  private moveDoor(): void {
    clearTimeout(this.opening);
    const refusingMs = this.faults.refusingForMs();
    if (refusingMs > 0 && refusingMs < Infinity) {
      this.opening = setTimeout(() => this.moveDoor(), refusingMs);
    }
    void this.door?.set(refusingMs === 0);
  }
}
